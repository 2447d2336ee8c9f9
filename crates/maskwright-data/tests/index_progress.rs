//! What is heard while indexes are made.

mod common;

use std::path::Path;
use std::sync::Mutex;

use common::annotated::{coco, open, sa1b_folder, sa1b_members, tar, web, web_members};
use common::write;
use maskwright_data::source::{IndexObserver, IndexProgress, OpenContext, SetSpec};

/// A stage as it was heard: its set, its name, the most that was done, how much there was, whether it ended.
type Heard = (String, &'static str, u64, Option<u64>, bool);

#[derive(Default)]
struct Listener(Mutex<Vec<Heard>>);

impl IndexObserver for Listener {
    fn progress(&self, progress: &IndexProgress<'_>) {
        let mut stages = self.0.lock().unwrap();
        let IndexProgress { set, stage, done, total } = *progress;
        match stages.last_mut() {
            Some((_, name, most, _, false)) if *name == stage => *most = done.max(*most),
            _ => stages.push((set.to_owned(), stage, done, total, false)),
        }
    }

    fn ended(&self) {
        if let Some((.., ended)) = self.0.lock().unwrap().last_mut() {
            *ended = true;
        }
    }
}

/// What is heard while a set is opened, and whether it could be.
fn heard(spec: &SetSpec) -> (Vec<Heard>, bool) {
    let listener = Listener::default();
    let opened = spec.open(&OpenContext::observed_by(&listener)).is_ok();
    (listener.0.into_inner().unwrap(), opened)
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

#[test]
fn every_stage_is_heard_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    let (annotations, images) = coco(root.path(), 3);
    let shards = [root.path().join("t/0.tar"), root.path().join("t/1.tar")];
    tar(&shards[0], &sa1b_members(0..3));
    tar(&shards[1], &sa1b_members(3..5));
    tar(&root.path().join("web.tar"), &web_members(0..4));
    let web = web("web", root.path().join("web.tar"));
    let stage = |set: &str, stage, done, total| (set.to_owned(), stage, done, total, true);
    let json = length(&annotations);
    let tars = 2 * (length(&shards[0]) + length(&shards[1]));
    let web_tar = 2 * length(&root.path().join("web.tar"));
    let cases = [
        (
            SetSpec::coco("coco", &annotations, &images),
            vec![
                stage("coco", "annotations", json, Some(json)),
                stage("coco", "images", 3, Some(3)),
            ],
        ),
        (
            sa1b_folder(root.path(), 5),
            vec![stage("sa", "files", 10, None), stage("sa", "annotations", 5, Some(5))],
        ),
        (
            SetSpec::sa1b("tars", root.path().join("t/{0..1}.tar")),
            vec![stage("tars", "tar files", tars, Some(tars))],
        ),
        (web, vec![stage("web", "tar files", web_tar, Some(web_tar))]),
    ];
    for (spec, expected) in cases {
        assert_eq!(heard(&spec), (expected, true));
        // From the cache.
        assert_eq!(heard(&spec), (Vec::new(), true));
    }
}

#[test]
fn failures_end_their_stage() {
    let root = tempfile::tempdir().unwrap();
    let spec = sa1b_folder(root.path(), 2);
    drop(open(&spec));
    write(root.path().join("sa1b/sa_1.json"), "{");
    // Only what the folder holds makes an index anew.
    write(root.path().join("sa1b/new.txt"), "");
    let (stages, opened) = heard(&spec);
    assert!(!opened);
    assert!(stages.len() == 2 && stages.iter().all(|(.., ended)| *ended), "{stages:?}");
}

#[test]
fn each_observer_hears_of_its_own_set_alone() {
    let root = tempfile::tempdir().unwrap();
    let specs = ["a", "b", "c"]
        .map(|name| SetSpec { name: name.into(), ..sa1b_folder(&root.path().join(name), 3) });
    std::thread::scope(|scope| {
        let threads = specs.each_ref().map(|spec| scope.spawn(|| (&spec.name, heard(spec).0)));
        for (name, stages) in threads.map(|thread| thread.join().unwrap()) {
            assert_eq!(stages.len(), 2, "{stages:?}");
            assert!(stages.iter().all(|(set, ..)| set == name), "{stages:?}");
        }
    });
}
