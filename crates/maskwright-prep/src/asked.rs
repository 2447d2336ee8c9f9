//! What a record's members are, once the model was asked for its embedding and masks.

use std::path::Path;

use maskwright_image::Size;
use maskwright_image::mask::Rle;
use maskwright_predict::Error as PredictError;
use maskwright_predict::mask_generator::{
    Annotation, GeneratedMask, ImageEntry, MaskFile, MaskGenerator,
};

use crate::config::{Model, PrepConfig};
use crate::error::{Error, Result};
use crate::ledger::Row;
use crate::record::Content;

/// The ending of embeddings.
const EMBEDDING: &str = "embedding.safetensors";

/// The endings and bytes of a record's members.
pub(crate) type Members = Vec<(String, Vec<u8>)>;

/// The model with what it is asked for.
pub(crate) struct Asked<'a> {
    model: Option<&'a Model>,
    generator: Option<MaskGenerator<'a>>,
    embeddings: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(model: Option<&'a Model>, config: &PrepConfig) -> Result<Asked<'a>> {
        let generator = match (model, &config.auto_masks) {
            (Some(model), Some(settings)) => {
                Some(MaskGenerator::new(&model.predictor, model.kind, settings.clone())?)
            }
            _ => None,
        };
        Ok(Asked { model, generator, embeddings: config.embeddings })
    }

    /// The members of a record; its row is told what they are. None where `go_on` asks to stop.
    pub(crate) fn members(
        &mut self,
        content: Content,
        row: &mut Row,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Members>> {
        let Content { image, size, objects, pixels } = content;
        let mut annotations: Vec<Annotation> =
            objects.into_iter().map(|(id, mask)| of_data(id, mask, size)).collect();
        let mut embedding = None;
        if let (Some(model), Some(pixels)) = (self.model, pixels) {
            let encoded = model.predictor.encode(&pixels)?;
            if !go_on() {
                return Ok(None);
            }
            if let Some(generator) = &self.generator {
                let found = match generator.generate_of(&pixels, Some(&encoded), |_, _| go_on()) {
                    Err(PredictError::Stopped) => return Ok(None),
                    found => found?,
                };
                let number = |(id, mask): (usize, &GeneratedMask)| Annotation::new(id as u64, mask);
                annotations = found.iter().enumerate().map(number).collect();
            }
            if self.embeddings {
                let name = format!("{}.{EMBEDDING}", row.key);
                embedding = Some(model.predictor.encoded_bytes(&encoded, Path::new(&name))?);
            }
        }
        (row.objects, row.embedding) = (annotations.len(), embedding.is_some());
        let entry = ImageEntry {
            image_id: row.index as u64,
            width: size.width,
            height: size.height,
            file_name: format!("{}.{}", row.key, row.image),
        };
        let notes = serde_json::to_vec(&MaskFile { image: entry, annotations });
        let notes = notes
            .map_err(|error| Error::setting("the masks", "values that JSON can hold", error))?;
        let mut members = vec![(row.image.clone(), image), ("json".to_owned(), notes)];
        members.extend(embedding.map(|bytes| (EMBEDDING.to_owned(), bytes)));
        Ok(Some(members))
    }
}

/// The entry of a mask of the data, which has no scores: they are 1. The point is a pixel of the object in its middle by number.
fn of_data(id: u64, mask: Rle, size: Size) -> Annotation {
    let bitmap = mask.to_bitmap();
    let (y, x) = bitmap.nth(bitmap.count() / 2).unwrap_or_default();
    let mask = GeneratedMask {
        box_xyxy: bitmap.box_xyxy().unwrap_or_default(),
        mask,
        predicted_iou: 1.0,
        stability_score: 1.0,
        point: [x as f64, y as f64],
        crop_box: [0, 0, size.width, size.height],
    };
    Annotation::new(id, &mask)
}
