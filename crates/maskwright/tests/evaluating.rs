//! `eval` with clicks, with boxes and against the model before; `runs`.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::{
    Place, maskwright, printed, refused, small_run, text, trained, without_times, works,
    write_pairs,
};

/// A run that began with another run's model, and the flags of its data.
struct Tuned {
    place: Place,
    before: String,
    after: String,
}

impl Tuned {
    fn new() -> Self {
        let place = Place::new();
        let first = trained(&place, &place.text("first"));
        works(&first.iter().map(String::as_str).collect::<Vec<_>>());
        let before = place.text("first/sam_hq_epoch_0.safetensors");
        let (images, masks) = (place.text("images"), place.text("masks"));
        works(&[
            "train",
            "--images",
            &images,
            "--masks",
            &masks,
            "--hold-out",
            "25",
            "--checkpoint",
            &before,
            "--input-size",
            "64",
            "--max-epoch-num",
            "2",
            "--output",
            &place.text("second"),
        ]);
        let after = place.text("second/sam_hq_epoch_1.safetensors");
        Self { place, before, after }
    }

    /// `eval` of the tuned model with more flags.
    fn eval<'a>(&'a self, data: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["eval", "--checkpoint", &self.after];
        args.extend(data.iter().map(String::as_str));
        args.extend(more);
        args
    }

    fn data(&self) -> [String; 4] {
        let (images, masks) = (self.place.text("images"), self.place.text("masks"));
        ["--images".into(), images, "--masks".into(), masks]
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_cannot_be_written_loses_no_result() {
    let tuned = Tuned::new();
    let data = tuned.data();
    let page = tuned.place.text("full.html");
    std::os::unix::fs::symlink("/dev/full", &page).expect("a link");
    let output = maskwright(&tuned.eval(&data, &["--report", &page]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), printed(&tuned.eval(&data, &[])));
    let said = text(&output.stderr);
    assert!(said.contains("No space left on device"), "{said}");
}

#[test]
fn a_model_is_clicked_at_and_compared_with_what_its_run_began_with() {
    let tuned = Tuned::new();
    let data = tuned.data();
    let page = tuned.place.text("compared.html");
    let more =
        ["--prompts", "box,clicks", "--clicks", "2", "--against", "start", "--report", &page];
    let table = printed(&tuned.eval(&data, &more));
    let titles: Vec<&str> = table
        .lines()
        .filter(|line| ["Before", "set ", "NoC:"].iter().any(|begin| line.starts_with(begin)))
        .collect();
    assert_snapshot!(titles.join("\n"), @"
        set     prompt      mask    mIoU          95%  boundary mIoU          95%  images
        set         mask  NoC@80  NoC@85  NoC@90  NoC@95  NoF@80  NoF@85  NoF@90  NoF@95   IoU@1  s/click  objects
        NoC: clicks until the IoU is reached, 2 where it never is; NoF: objects of 2 clicks, also those that the last click brings there
        Before and after: mean IoU
        set     prompt                    mask              verdict  before     now            difference (95%)
        set     prompt                    mask  boundary before     now  better  worse  objects
        ");
    // The mask that is judged first, in tables that fit.
    let compared: Vec<&str> =
        table.lines().skip_while(|line| !line.starts_with("Before and after")).collect();
    assert!(compared[3].starts_with("images     box        HQ (before: SAM)"), "{table}");
    assert!(compared.iter().all(|line| line.chars().count() <= 110), "{table}");
    let html = std::fs::read_to_string(&page).expect("a page");
    let header = |title: &str| {
        let table = html.split(&format!("<h3>{title}</h3>")).nth(1).expect("a table");
        let header = table.split("</thead>").next().expect("a header");
        let cells = header.split("</th>").filter_map(|cell| cell.rsplit('>').next());
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
    };
    assert_snapshot!(header("Before and after"), @"set | prompt | mask | verdict | before | now | difference | 95% | boundary difference | better / worse");
    assert_snapshot!(header("Every object"), @"set | prompt | record | size | area | before | difference | HQ IoU | SAM IoU | SAM + HQ IoU");
    let row =
        html.split("<h3>Every object</h3>").nth(1).and_then(|table| table.split("<tr").nth(2));
    let cells: Vec<f64> = row
        .expect("a row")
        .split("</td>")
        .filter_map(|cell| cell.rsplit('>').next()?.parse().ok())
        .collect();
    // Area, before, difference, now, SAM's own mask, which is that of before, and the sum.
    assert!((cells[1] + cells[2] - cells[3]).abs() < 2e-4, "{cells:?}");
    assert_eq!(cells[1], cells[4]);
    for part in
        ["Before and after", "Clicks", "By size and thinness", "Where the time went", "its SHA-256"]
    {
        assert!(html.contains(part), "{part}");
    }

    let document = works(&tuned.eval(
        &data,
        &["--prompts", "box,clicks", "--clicks", "2", "--json", "--against", &tuned.before],
    ));
    let document: Value = serde_json::from_slice(&document.stdout).expect("JSON");
    let compared = document["comparison"]["sets"].as_array().expect("a list");
    // The model before has no HQ head: its own mask stands for all.
    let kinds: Vec<(&str, &str)> = compared
        .iter()
        .map(|one| (one["mask"].as_str().unwrap_or(""), one["before_mask"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(kinds, [("sam", "sam"), ("hq", "sam"), ("sam_hq", "sam")]);
    // SAM is frozen in such a run.
    assert_eq!(compared[0]["before"], compared[0]["after"]);
    assert_eq!((&compared[0]["better"], &compared[0]["worse"]), (&0.into(), &0.into()));
    let clicks = document["clicks"].as_array().expect("a list");
    assert_eq!(
        (clicks.len(), &clicks[0]["objects"], &clicks[0]["most"]),
        (3, &4.into(), &2.into())
    );
    for run in document["click_runs"].as_array().expect("a list") {
        let counts = ["clicks", "ious"].map(|key| run[key].as_array().map_or(0, Vec::len));
        assert!(counts[0] == counts[1] && (1..=2).contains(&counts[0]), "{run}");
    }
    assert_eq!(document["statistics"][0]["intervals"].as_array().map_or(0, Vec::len), 3);
    assert!(document["times"]["images"].as_u64() == Some(4), "an image is encoded once");
}

#[test]
fn boxes_of_the_annotations_give_average_precision() {
    let tuned = Tuned::new();
    let out = tuned.place.text("coco");
    works(&[
        "export",
        &out,
        "--as",
        "coco",
        "--images",
        &tuned.place.text("images"),
        "--masks",
        &tuned.place.text("masks"),
    ]);
    let (images, file) =
        (tuned.place.text("coco/images"), tuned.place.text("coco/annotations.json"));
    let asked =
        ["eval", "--checkpoint", &tuned.after, "--images", &images, "--coco", &file, "--boxes"];
    let table = printed(&[&asked[..], &["truth"]].concat());
    assert_snapshot!(without_times(&table), @"
        mask            by      AP    AP50    AP75  small  medium  large   AR100
        ------------------------------------------------------------------------
        SAM           mask     0.0     0.0     0.0   none     0.0   none     0.0
        SAM       boundary     0.0     0.0     0.0   none     0.0   none     0.0
        HQ            mask     0.0     0.0     0.0   none     0.0   none     0.0
        HQ        boundary     0.0     0.0     0.0   none     0.0   none     0.0
        SAM + HQ      mask     0.0     0.0     0.0   none     0.0   none     0.0
        SAM + HQ  boundary     0.0     0.0     0.0   none     0.0   none     0.0
        4 boxes in 4 images; masks are ordered by predicted IoU; none: no object of that size
        ");
    // The same boxes, as annotators without masks give them: a file, or a set of the data file.
    let mut annotations: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    for annotation in annotations["annotations"].as_array_mut().expect("a list") {
        annotation.as_object_mut().expect("an object").remove("segmentation");
    }
    let boxes = tuned.place.text("boxes.json");
    std::fs::write(&boxes, annotations.to_string()).expect("written");
    assert_eq!(without_times(&printed(&[&asked[..], &[&boxes]].concat())), without_times(&table),);
    let sets = tuned.place.text("boxes.toml");
    let set = |name: &str, keys: &str| {
        format!("[[valid]]\nname = \"{name}\"\nkind = \"coco\"\nimages = \"{images}\"\n{keys}\n")
    };
    let text = set("masks", &format!("annotations = \"{file}\""))
        + &set("drawn", &format!("annotations = \"{boxes}\"\nboxes_only = true"));
    std::fs::write(&sets, text).expect("written");
    let by_name = ["eval", "--checkpoint", &tuned.after, "--data", &sets, "--boxes", "drawn"];
    assert_eq!(without_times(&printed(&by_name)), without_times(&table));
    let found = tuned.place.text("found.json");
    std::fs::write(&found, "[]").expect("written");
    assert_snapshot!(refused(&[&asked[..], &[&found]].concat(), 1), @"error: [DIR]/found.json: expected detections of the images of [DIR]/coco/annotations.json, found an empty list");
    let data = tuned.data();
    assert_snapshot!(refused(&tuned.eval(&data, &["--boxes", "truth"]), 2), @r#"error: --boxes: expected annotations of COCO (--coco), found a set of kind "pairs""#);
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_one_line() {
    let tuned = Tuned::new();
    let data = tuned.data();
    let place = &tuned.place;
    let larger = trained(place, &place.text("larger"));
    let larger: Vec<&str> =
        larger.iter().map(|arg| if arg == "64" { "128" } else { arg.as_str() }).collect();
    works(&larger);
    let larger = place.text("larger/sam_hq_epoch_0.safetensors");
    let of_first = |more: &[&str]| {
        let mut args = vec!["eval", "--checkpoint", &tuned.before];
        args.extend(data.iter().map(String::as_str));
        args.extend(more);
        refused(&args, 2)
    };
    let lines = [
        of_first(&["--against", &larger]),
        of_first(&["--against", "start"]),
        of_first(&["--prompts", "clicks", "--click-masks", "hq"]),
        of_first(&["--prompts", "clicks", "--clicks", "0"]),
        of_first(&["--prompts", "clicks", "--click-iou", "0.9,900"]),
    ];
    let notes = |line: &String| {
        line.lines()
            .filter(|line| line.starts_with("error"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_snapshot!(lines.iter().map(notes).collect::<String>(), @"
        error: --against: expected a model with an input of 64 pixels, as --checkpoint has it, found one of 128 pixels; --input-size 64 evaluates both at that size
        error: --against start: expected a run that began with a checkpoint, found one that began with fresh weights ([DIR]/first/config.toml)
        error: --click-masks: expected masks that the model has (sam, for it has no HQ head), found hq
        error: --clicks: expected at least one click, found 0
        error: --click-iou: expected percents from 0 to 100, found 900
        ");
}

#[test]
fn runs_are_listed_and_compared() {
    let place = Place::new();
    let args = small_run(&place, 8, 25);
    works(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let other: Vec<String> =
        args.iter().map(|arg| arg.replace(&place.text("run"), &place.text("more/other"))).collect();
    let other = [
        other,
        ["--learning-rate", "0.01", "--best-by", "noc", "--log-to", "tensorboard"]
            .map(str::to_owned)
            .into(),
    ]
    .concat();
    works(&other.iter().map(String::as_str).collect::<Vec<_>>());
    let events = std::fs::read_dir(place.join("more/other"))
        .expect("a folder")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("events.out.tfevents."));
    assert_eq!(events.count(), 1);

    let runs = works(&["runs", &place.path().display().to_string(), "--json"]);
    let runs: Value = serde_json::from_slice(&runs.stdout).expect("JSON");
    let runs = runs["runs"].as_array().expect("a list");
    let facts: Vec<_> =
        runs.iter().map(|run| (&run["state"], &run["best_by"], &run["epochs_done"])).collect();
    assert_eq!(
        facts,
        [(&"done".into(), &"noc".into(), &2.into()), (&"done".into(), &"iou".into(), &2.into())]
    );
    // A tiny model needs all clicks; the metric itself is shown, not its negative.
    assert_eq!(runs[0]["best"], 20.0);

    let page = place.text("compared.html");
    let pair = [place.text("run"), place.text("more/other")];
    let table = printed(&["runs", "--compare", &pair[0], &pair[1], "--report", &page]);
    let (results, table) = table.split_once("\n\n").expect("two tables");
    assert!(results.contains("[DIR]/more/other") && results.contains("held out"), "{results}");
    let keys: Vec<&str> =
        table.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    assert_snapshot!(keys.join("\n"), @"
        checkpoints.best_by
        optimizer.learning_rate
        validation.clicks.first
        validation.clicks.jitter
        validation.clicks.masks
        validation.clicks.most
        validation.clicks.thresholds
        ");
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.contains("The runs are judged by unlike measures: iou and noc."));
    assert!(html.contains("images (held out), box: the judged mask"));
    assert!(html.contains("Training loss") && html.contains("optimizer.learning_rate"));

    write_pairs(&place.join("nothing"), 1);
    let lines = [
        refused(&["runs", &place.text("nothing")], 2),
        refused(&["runs", &place.text("absent")], 1),
        refused(&["runs", "--compare", &pair[0], &place.text("nothing")], 2),
    ];
    assert_snapshot!(lines.concat(), @"
        error: [DIR]/nothing: expected the folder of a run or one with runs in it, found none
        error: [DIR]/absent: cannot read: No such file or directory (os error 2)
        error: [DIR]/nothing: expected config.toml, the settings of a run, found none
        ");
}
