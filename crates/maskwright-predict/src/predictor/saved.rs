//! Encoded images in files: what the image encoder took seconds for is read in milliseconds.
//!
//! A file is safetensors with `image_embedding` and `interm_embedding` as [`write_embedding`](super::write_embedding) gives them, and
//! with what tells whether a model may use them: the hash of its encoder, its input size, and how the image was fitted in.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use maskwright_image::Size;
use maskwright_model::ImageFeatures;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::view::View;
use super::{EncodedImage, Fit, Predictor};
use crate::error::{Error, Result};
use crate::files::{read_at_most, write_atomically};

/// The longest file that is read: ViT-H has 22 MB at an input of 1024 pixels.
const MAX_BYTES: u64 = 1 << 30;
/// The key of the file's metadata.
const KEY: &str = "maskwright_encoded_image";
const EMBEDDING: &str = "image_embedding";
const EARLY: &str = "interm_embedding";

/// What an encoded image is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    image: Size,
    geometry: Fit,
    input_size: usize,
    encoder: String,
}

impl Predictor {
    /// Writes an encoded image to a `.safetensors` file, from which [`read_encoded`](Self::read_encoded) takes it again.
    ///
    /// # Errors
    /// [`Error::FileName`] for another ending; [`Error::Io`].
    pub fn write_encoded(&self, image: &EncodedImage, path: &Path) -> Result<()> {
        check_name(path)?;
        write_atomically(path, &self.encoded_bytes(image, path)?)
    }

    /// The bytes of the file that [`write_encoded`](Self::write_encoded) writes, for one that lies in another, such as a tar
    /// file; errors name `path`.
    ///
    /// # Errors
    /// Those of the model, and [`Error::Io`].
    pub fn encoded_bytes(&self, image: &EncodedImage, path: &Path) -> Result<Vec<u8>> {
        let about = serde_json::to_string(&self.about(image.view.source())?)
            .map_err(|error| Error::io(path, "write")(error.into()))?;
        let embedding = image.features.embedding.clone().permute([0, 3, 1, 2]);
        let tensors = [(EMBEDDING, embedding), (EARLY, image.features.early.clone())];
        let values = tensors.map(|(name, tensor)| {
            let shape = tensor.dims().to_vec();
            let bytes: Vec<u8> =
                tensor.into_data().iter::<f32>().flat_map(|value| value.to_le_bytes()).collect();
            (name, shape, bytes)
        });
        let views: std::result::Result<BTreeMap<_, _>, _> = values
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect();
        let metadata = HashMap::from([(KEY.to_owned(), about)]);
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
        bytes.map_err(|error| Error::io(path, "write")(std::io::Error::other(error.to_string())))
    }

    /// The hash of the image encoder: embeddings of encoders that differ are not each other's.
    ///
    /// # Errors
    /// Those of the model.
    pub fn encoder_hash(&self) -> Result<String> {
        Ok(match self.encoder.get() {
            Some(hash) => hash.clone(),
            None => {
                let hash = self.sam.encoder_hash()?;
                self.encoder.get_or_init(|| hash).clone()
            }
        })
    }

    /// Reads an encoded image, to the last bit what was written.
    ///
    /// # Errors
    /// [`Error::FileName`] for another ending, [`Error::Io`], and [`Error::Content`] for a file that is no encoded image, or one of
    /// another image encoder, input size or geometry than this predictor's.
    pub fn read_encoded(&self, path: &Path) -> Result<EncodedImage> {
        check_name(path)?;
        self.encoded_of_bytes(&read_at_most(path, MAX_BYTES)?, path)
    }

    /// Makes an encoded image of the bytes of its file, which lie in another, such as a tar file; errors name `path`.
    ///
    /// # Errors
    /// [`Error::Content`], as [`read_encoded`](Self::read_encoded).
    pub fn encoded_of_bytes(&self, bytes: &[u8], path: &Path) -> Result<EncodedImage> {
        let refuse = |expected: String, found: String| Error::Content {
            file: path.to_path_buf(),
            expected,
            found,
        };
        let no_image = |found: String| refuse("an encoded image".into(), found);
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|e| no_image(e.to_string()))?;
        let about = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let about = about
            .ok_or_else(|| no_image("tensors that do not say of which image they are".into()))?;
        let about: About = serde_json::from_str(about).map_err(|e| no_image(e.to_string()))?;
        if about.image.is_empty() {
            return Err(no_image(format!("one of {} pixels", about.image)));
        }
        let own = self.about(about.image)?;
        let compared = [
            ("input size", own.input_size.to_string(), about.input_size.to_string()),
            ("geometry", own.geometry.to_string(), about.geometry.to_string()),
            ("image encoder", short(&own.encoder), short(&about.encoder)),
        ];
        if let Some((what, expected, found)) = compared.into_iter().find(|(_, own, its)| own != its)
        {
            return Err(refuse(format!("an encoded image of the {what} {expected}"), found));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| no_image(e.to_string()))?;
        let config = self.sam.config();
        let (grid, dim, early_dim) = (config.grid(), config.prompt_dim, config.early_dim());
        let read = |name: &str, shape: [usize; 4]| -> Result<Tensor<4>> {
            let view = tensors.tensor(name).map_err(|e| no_image(e.to_string()))?;
            if view.dtype() != Dtype::F32 || view.shape() != shape {
                let found = format!("{:?} of shape {:?}", view.dtype(), view.shape());
                return Err(refuse(format!("{name} of f32 and shape {shape:?}"), found));
            }
            let values: Vec<f32> = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect();
            Ok(Tensor::from_data(TensorData::new(values, shape), &self.device))
        };
        let embedding = read(EMBEDDING, [1, dim, grid, grid])?.permute([0, 2, 3, 1]);
        let early = read(EARLY, [1, grid, grid, early_dim])?;
        let features =
            self.sam.with_hq_features(ImageFeatures { embedding, early, hq: None, dense_pe: None });
        let view = View::new(self.fit, about.image, config.image_size);
        Ok(EncodedImage { features, view, mask_size: config.mask_size() })
    }

    fn about(&self, image: Size) -> Result<About> {
        let encoder = self.encoder_hash()?;
        Ok(About { image, geometry: self.fit, input_size: self.sam.config().image_size, encoder })
    }
}

/// The first digits of a hash, for messages.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn check_name(path: &Path) -> Result<()> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors")) {
        return Ok(());
    }
    let expected = "a name that ends in .safetensors";
    Err(Error::FileName { file: path.to_path_buf(), expected })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use maskwright_data::prompt::Prompt;
    use maskwright_image::RgbImage;
    use maskwright_model::{MaskKind, SamConfig};

    use super::*;

    fn predictor(size: usize, seed: u64) -> Predictor {
        let device = Device::flex();
        let sam = SamConfig::small(size, 16, 32, 2).init(&device, seed).expect("a model");
        Predictor::new(sam, device)
    }

    #[test]
    fn what_was_read_predicts_what_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.safetensors");
        let image = RgbImage::new(Size::new(30, 40), (0..3600).map(|k| (k % 251) as u8).collect());
        let image = image.expect("pixels");
        let first = predictor(64, 3);
        let encoded = first.encode(&image).expect("encoded");
        first.write_encoded(&encoded, &path).expect("written");
        let mask = |predictor: &Predictor, encoded: &EncodedImage| {
            let prompt = Prompt::from_box([4.0, 5.0, 20.0, 25.0]);
            predictor.predict(encoded, &prompt, MaskKind::Sam, true).expect("masks")
        };
        // Another process has its own predictor of the same checkpoint.
        let second = predictor(64, 3);
        let read = second.read_encoded(&path).expect("read");
        assert_eq!(mask(&second, &read), mask(&first, &encoded));

        let refused = |predictor: &Predictor, path: &Path| {
            let error = predictor.read_encoded(path).map(drop).expect_err("refused").to_string();
            error.replace(&folder.path().display().to_string(), "FOLDER")
        };
        let hash = |predictor: &Predictor| short(&predictor.sam.encoder_hash().expect("a hash"));
        let other = predictor(64, 4);
        assert_eq!(
            refused(&other, &path),
            format!(
                "FOLDER/a.safetensors: expected an encoded image of the image encoder {}, found {}",
                hash(&other),
                hash(&first)
            )
        );
        assert_eq!(
            refused(&predictor(96, 3), &path),
            "FOLDER/a.safetensors: expected an encoded image of the input size 96, found 64"
        );
        assert_eq!(
            refused(&predictor(64, 3).with_fit(Fit::Squash), &path),
            "FOLDER/a.safetensors: expected an encoded image of the geometry squash, found sam"
        );
        let plain = folder.path().join("plain.safetensors");
        super::super::write_embedding(&encoded, &plain).expect("written");
        assert_eq!(
            refused(&first, &plain),
            "FOLDER/plain.safetensors: expected an encoded image, found tensors that do not say of which image they are"
        );
        std::fs::write(&plain, "no tensors").expect("written");
        assert!(refused(&first, &plain).contains("expected an encoded image, found"));
        assert!(refused(&first, &folder.path().join("a.npy")).contains(".safetensors"));
    }
}
