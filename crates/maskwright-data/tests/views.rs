//! Views with several objects of one image.

mod common;

use std::path::Path;

use common::annotated::{coco, coco_with, id, open, scene, taking};
use maskwright_data::batch::TrainBatch;
use maskwright_data::geometry::Geometry;
use maskwright_data::loader::{LastBatch, Loader, LoaderConfig};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleConfig, SampleMaker, View};
use maskwright_data::source::{Mix, Objects, SetSpec};
use maskwright_image::sample::Sampler;

const SIZE: usize = 48;
const PIXELS: usize = SIZE * SIZE;
/// How many objects image `n` of the fixture has, crowds included.
const THERE: [usize; 5] = [2, 3, 4, 2, 3];

fn config(objects_per_image: usize) -> SampleConfig {
    SampleConfig { objects_per_image, ..SampleConfig::for_size(SIZE) }
}

fn spec(root: &Path) -> SetSpec {
    let (annotations, images) = coco(root, THERE.len());
    coco_with(SetSpec::coco("coco", annotations, images), |keys| keys.crowds = true)
}

fn mix(root: &Path) -> Mix {
    Mix::new(vec![open(&spec(root))]).unwrap()
}

/// The number of an image and of an object in it.
fn numbers(id: u64) -> (usize, usize) {
    (id as usize / 100 - 1, id as usize % 100)
}

/// The label of an object in a view, from the mask that it was written from.
fn label(id: u64, geometry: &Geometry) -> Vec<f32> {
    let (n, k) = numbers(id);
    let mut label = vec![0.0; PIXELS];
    let mask = &scene(n).1[k];
    Sampler::new().label(mask, &geometry.rows(), &geometry.cols(), 0.0, &mut label);
    label
}

fn is_shown(label: &[f32]) -> bool {
    label.iter().any(|&value| value > 128.0)
}

/// The ids of a view's objects.
fn ids(view: &View) -> Vec<u64> {
    view.objects.iter().map(|object| object.info.id.unwrap()).collect()
}

#[test]
fn a_view_shows_several_objects_and_begins_with_the_one_of_today() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let mut one = SampleMaker::new(config(1)).unwrap();
    let mut three = SampleMaker::new(config(3)).unwrap();
    let (mut several, mut out_of_view) = (0, 0);
    for epoch in 0..30 {
        for record in 0..THERE.len() as u64 {
            let key = SampleKey::in_epoch(7, epoch, record);
            let (single, view) = (one.view(&mix, key).unwrap(), three.view(&mix, key).unwrap());
            assert_eq!((single.objects.len(), single.info.not_in_view), (1, 0));
            assert_eq!(view.image, single.image);
            assert_eq!(view.objects[0], single.objects[0]);
            assert_eq!(view.info.geometry, single.info.geometry);

            let ids = ids(&view);
            let (n, _) = numbers(ids[0]);
            assert!(ids.iter().all(|&id| numbers(id).0 == n), "objects of one image: {ids:?}");
            let mut different = ids.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), ids.len(), "different objects");
            assert_eq!(ids.len() + view.info.not_in_view as usize, THERE[n].min(3));
            for (id, object) in ids.iter().zip(&view.objects) {
                assert_eq!(object.label, label(*id, &view.info.geometry));
                assert!(is_shown(&object.label));
            }
            let places: Vec<u64> = view.objects.iter().map(|o| o.info.key.place).collect();
            assert!(places[0] == 0 && places.is_sorted() && places.iter().all(|&p| p < 3));
            several += usize::from(ids.len() > 1);
            out_of_view += view.info.not_in_view;
        }
    }
    assert!(several > 50 && out_of_view > 10, "{several} and {out_of_view}");
}

#[test]
fn all_objects_are_drawn_where_there_are_fewer() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let mut all = SampleMaker::new(config(20)).unwrap();
    for epoch in 0..10 {
        for record in 0..THERE.len() as u64 {
            let view = all.view(&mix, SampleKey::in_epoch(7, epoch, record)).unwrap();
            let mut shown = ids(&view);
            let (n, _) = numbers(shown[0]);
            shown.sort_unstable();
            // No rule but visibility leaves one out.
            let visible: Vec<u64> = (0..THERE[n])
                .map(|k| id(n, k))
                .filter(|&id| is_shown(&label(id, &view.info.geometry)))
                .collect();
            assert_eq!(shown, visible);
            assert_eq!(shown.len() + view.info.not_in_view as usize, THERE[n]);
        }
    }
}

/// Where an image makes several records, each goes on in the image's order of the epoch from its own place.
#[test]
fn records_of_an_image_go_on_in_one_order() {
    let root = tempfile::tempdir().unwrap();
    let two = taking(spec(root.path()), |keys| keys.objects = Objects::UpTo(2));
    let two = Mix::new(vec![open(&two)]).unwrap();
    assert_eq!(two.len(), 2 * THERE.len());
    let single = taking(spec(root.path()), |keys| keys.objects = Objects::All);
    let single = Mix::new(vec![open(&single)]).unwrap();
    let mut wide = config(2);
    // The whole image is in view.
    (wide.plan.scale_min, wide.plan.scale_max) = (1.0, 1.0);
    let mut maker = SampleMaker::new(wide).unwrap();
    for epoch in 0..10 {
        for image in 0..THERE.len() as u64 {
            let [first, second] = [0, 1].map(|nth| {
                let key = SampleKey::in_epoch(7, epoch, 2 * image + nth);
                ids(&maker.view(&two, key).unwrap())
            });
            assert_eq!(first[1], second[0]);
            let there = THERE[numbers(first[0]).0];
            assert_eq!(first[0] == second[1], there == 2, "{there} objects");
        }
        // A record that is one object has no other.
        let view = maker.view(&single, SampleKey::in_epoch(7, epoch, 3)).unwrap();
        assert_eq!((view.objects.len(), view.info.not_in_view), (1, 0));
    }
}

/// With the same view, other draws ask about the same pixels.
#[test]
fn a_view_can_be_asked_about_again() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    for objects in [1, 2] {
        let mut maker = SampleMaker::new(config(objects)).unwrap();
        let (mut others, mut prompts) = (0, 0);
        for record in 0..THERE.len() as u64 {
            let key = SampleKey::in_epoch(7, 3, record);
            let view = maker.view(&mix, key).unwrap();
            for draw in 4..24 {
                let again = maker.view(&mix, SampleKey { draw, ..key }).unwrap();
                assert_eq!((&again.image, again.info.geometry), (&view.image, view.info.geometry));
                assert!(again.objects.iter().all(|object| is_shown(&object.label)));
                for object in &again.objects {
                    let expected = label(object.info.id.unwrap(), &view.info.geometry);
                    assert_eq!(object.label, expected);
                }
                others += usize::from(ids(&again)[0] != ids(&view)[0]);
                prompts += usize::from(again.objects[0].prompt != view.objects[0].prompt);
            }
        }
        assert!(others > 20 && prompts > 60, "{others} {prompts}");
    }
}

fn batches(mix: &Mix, workers: usize, objects_per_image: usize) -> (Loader, Vec<TrainBatch>) {
    let loader_config = LoaderConfig {
        batch_size: 2,
        seed: 7,
        workers,
        last_batch: LastBatch::Keep,
        sample: config(objects_per_image),
        ..LoaderConfig::default()
    };
    let mut loader = Loader::new(mix.clone(), loader_config).unwrap();
    let mut batches = Vec::new();
    for epoch in 0..4 {
        loader.start_epoch(epoch);
        while let Some(batch) = loader.next() {
            let batch = batch.unwrap();
            batches.push(batch.clone());
            // Memory that was used for fewer objects is used again.
            loader.recycle(batch);
        }
    }
    (loader, batches)
}

#[test]
fn batches_hold_images_and_their_objects() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let (loader, reference) = batches(&mix, 1, 3);
    assert_eq!(batches(&mix, 3, 3).1, reference);

    let mut maker = SampleMaker::new(config(3)).unwrap();
    let (mut objects, mut not_in_view) = (0, 0);
    for batch in &reference {
        let (b, n) = (batch.views.len(), batch.objects.len());
        assert!(b <= 2 && n >= b);
        assert_eq!((batch.images.len(), batch.labels.len()), (b * 3 * PIXELS, n * PIXELS));
        assert_eq!((batch.prompts.len(), batch.image_of.len()), (n, n));
        assert!(batch.image_of.is_sorted());
        for (view, info) in batch.views.iter().enumerate() {
            // Each can be made again alone.
            let alone = maker.view(&mix, info.key).unwrap();
            assert_eq!((&alone.image[..], &alone.info), (batch.image(view), info));
            let mine = (0..n).filter(|&object| batch.image_of[object] == view);
            let mine: Vec<usize> = mine.collect();
            assert_eq!(alone.objects.len(), mine.len());
            for (object, at) in alone.objects.iter().zip(mine) {
                assert_eq!(object.label, batch.label(at));
                assert_eq!(
                    (&object.prompt, &object.info),
                    (&batch.prompts[at], &batch.objects[at])
                );
            }
            not_in_view += u64::from(info.not_in_view);
        }
        objects += n as u64;
    }
    let stats = loader.stats();
    assert_eq!((stats.samples, stats.objects), (4 * 5, objects));
    assert_eq!(stats.not_in_view, not_in_view);
    assert_eq!(stats.kinds.iter().sum::<u64>(), objects);
    assert!(objects > 4 * 5);
    assert_eq!(loader.config().batch_bytes(), (2 * PIXELS * (3 + 3 * 4)) as u64);
}

#[test]
fn an_impossible_number_of_objects_is_refused() {
    let words = [0, 1025].map(|objects| SampleMaker::new(config(objects)).unwrap_err().to_string());
    insta::assert_snapshot!(words.join("\n"), @"
        objects_per_image: expected 1 to 1024, found 0
        objects_per_image: expected 1 to 1024, found 1025
        ");
}
