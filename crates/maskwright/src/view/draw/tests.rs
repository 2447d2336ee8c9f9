use maskwright_data::prompt::PromptKind;
use maskwright_data::source::DataFile;
use maskwright_model::MaskKind;
use maskwright_train::TrainConfig;
use maskwright_train::evaluator::{ImageScores, MaskScores, SetMetrics, WithoutPrompt};
use maskwright_train::loss::LossValues;
use maskwright_train::observer::{RunStart, StepProgress};
use maskwright_train::run_log::EpochEntry;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn epoch(epoch: usize, ious: [f64; 2]) -> EpochEntry {
    let scored = ImageScores {
        set: "leaves".into(),
        record: 0,
        name: "a".into(),
        image: 0,
        area: 40,
        boundary_area: 20,
        prompt: PromptKind::Box,
        scores: vec![
            MaskScores::new(MaskKind::Sam, ious[0], 0.5),
            MaskScores::new(MaskKind::Hq, ious[1], 0.625),
        ],
    };
    let set = SetMetrics::mean("leaves", PromptKind::Box, &[scored], 1, WithoutPrompt::default());
    EpochEntry {
        epoch,
        global_step: 40 * (epoch + 1),
        loss: LossValues::default(),
        learning_rate: 1e-3,
        seconds: 1.0,
        validation: vec![set],
        average_validation: Vec::new(),
        clicks: Vec::new(),
        average_clicks: Vec::new(),
    }
}

/// A run in its third epoch.
fn state() -> State {
    let data = DataFile::from_folders("photos", "masks");
    let config = TrainConfig::new(data, "runs/leaves".into());
    let start = RunStart {
        records: 160,
        steps_per_epoch: 40,
        left_over: 0,
        epoch: 0,
        epochs: 12,
        input_size: 1024,
        trainable_parameters: 1,
        parameters: 2,
    };
    let mut state = State::new(&config, &start, &[]);
    for step in 0..100 {
        state.step(&StepProgress {
            epoch: step / 40,
            step: step % 40 + 1,
            steps_per_epoch: 40,
            loss: 0.0,
            smooth_loss: 2.0 / (1.0 + step as f64 / 20.0),
            images_per_second: 3.25,
            seconds_left: 460.0,
            times: TrainTimes {
                data: 0.25,
                encoder: 0.5,
                decoder: 0.125,
                backward: 0.125,
                ..TrainTimes::default()
            },
        });
    }
    state.validated(&epoch(0, [0.75, 0.5]));
    state.validated(&epoch(1, [0.75, 0.875]));
    state.say("epoch 1 done in 40 s: loss 0.7000 (bce 0.3000, dice 0.4000)", false);
    state.say("photos/a: the file is cut off", true);
    state
}

fn draw_on(state: &State, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let after = Duration::from_secs(125);
    terminal.draw(|frame| draw(frame, state, after)).expect("drawn");
    terminal
}

fn drawn(state: &State, width: u16, height: u16) -> String {
    draw_on(state, width, height).backend().to_string()
}

#[test]
fn a_run_on_a_large_terminal() {
    insta::assert_snapshot!(drawn(&state(), 100, 30));
}

#[test]
fn a_run_on_a_narrow_terminal() {
    insta::assert_snapshot!(drawn(&state(), 60, 30));
}

#[test]
fn a_run_on_a_low_terminal() {
    insta::assert_snapshot!(drawn(&state(), 80, 10));
}

#[test]
fn a_run_before_its_first_step() {
    let mut state = State::default();
    state.count("evaluating leaves", 3, 12);
    state.stop();
    insta::assert_snapshot!(drawn(&state, 80, 18));
}

#[test]
fn any_size_is_drawn() {
    let state = state();
    for width in [0, 1, 2, 7, 20, 79, 80, 300] {
        for height in [0, 1, 2, 3, 5, 9, 15, 16, 17, 100] {
            draw_on(&state, width, height);
            draw_on(&State::default(), width, height);
        }
    }
}

#[test]
fn a_long_curve_keeps_its_ends() {
    let mut state = State::default();
    for step in 0..50_000 {
        state.step(&StepProgress {
            epoch: 0,
            step,
            steps_per_epoch: 50_000,
            loss: 0.0,
            smooth_loss: step as f64,
            images_per_second: 1.0,
            seconds_left: 1.0,
            times: TrainTimes::default(),
        });
    }
    let points = &state.loss.points;
    assert!((1000..=2001).contains(&points.len()), "{}", points.len());
    assert!(points[0].1 < 50.0 && points[points.len() - 1].1 > 49_900.0);
    assert!(points.is_sorted_by(|a, b| a.0 < b.0));
}
