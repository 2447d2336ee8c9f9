//! What a run will take is said by measuring, and nothing is written.

use maskwright_data::source::DataFile;
use maskwright_model::SamConfig;
use maskwright_train::TrainConfig;
use maskwright_train::features::CacheConfig;
use maskwright_train::observer::Silent;
use maskwright_train::trainer::forecast;

#[test]
fn a_forecast_counts_and_measures_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pictures = maskwright_demo::DemoConfig { train: 6, valid: 2, ..Default::default() };
    let set = maskwright_demo::write(&pictures, folder.path()).expect("written");
    let data = DataFile::read(&set.data_file).expect("read");
    let output = folder.path().join("run");
    let mut config = TrainConfig::new(data, output.clone());
    config.model.config = Some(SamConfig::small(64, 16, 32, 2));
    config.model.input_size = Some(64);
    config.train.batch_size = 2;
    config.train.epochs = 5;
    config.validation.every_epochs = 2;
    config.train.loss.points.per_mask = 256;
    let plain = forecast(&config, &mut Silent).expect("forecast");
    assert_eq!((plain.records, plain.steps_per_epoch, plain.epochs), (6, 3, 5));
    assert!(0 < plain.trainable_parameters && plain.trainable_parameters < plain.parameters);
    assert!(plain.seconds_per_step > 0.0 && plain.seconds_per_validation > 0.0);
    assert_eq!(plain.seconds_per_epoch, 3.0 * plain.seconds_per_step);
    let parts = 5.0 * plain.seconds_per_epoch + 3.0 * plain.seconds_per_validation;
    assert!((plain.seconds / parts - 1.0).abs() < 1e-9);
    assert_eq!(plain.cache, None);

    config.train.views = 3;
    config.cache =
        CacheConfig { keep: true, folder: Some(folder.path().join("cache")), ..Default::default() };
    let kept = forecast(&config, &mut Silent).expect("forecast").cache.expect("a cache");
    // Maps of 4 x 4 cells: the embedding and the early feature.
    let model = SamConfig::small(64, 16, 32, 2);
    let channels = (model.prompt_dim + model.early_dim()) as u64;
    assert_eq!((kept.views, kept.bytes), (18, 18 * 16 * channels * 2));
    assert!(kept.seconds > 0.0);
    assert!(!output.exists() && !folder.path().join("cache").exists());
}
