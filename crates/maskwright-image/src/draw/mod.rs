//! Pictures for people: overlays, prompts ([`PromptPen`]) and captions for previews and reports.
//!
//! ```
//! use maskwright_image::{draw::Canvas, mask::Bitmap, RgbImage, Size};
//! let mut canvas = Canvas::new(RgbImage::filled(Size::new(48, 64), 0));
//! canvas.overlay(&Bitmap::from_fn(Size::new(48, 64), |y, _| y < 24), [255, 0, 0], 0.5);
//! canvas.rect([4, 4, 40, 20], [0, 255, 0]);
//! canvas.text(2, 30, "IoU 0.91", [255; 3], 1);
//! assert_eq!(canvas.image().pixel(60, 2), [128, 0, 0]);
//! assert_eq!(canvas.image().pixel(4, 10), [0, 255, 0]);
//! ```

mod canvas;
mod prompt;
mod text;

pub use canvas::{Canvas, Colour};
pub use prompt::{BOX, NEGATIVE, POSITIVE, PromptPen, RIM};
pub use text::text_width;
