//! Rectangles, pictures and words on an RGB canvas.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use super::Thumbnail;

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(pub(super) u8, pub(super) u8, pub(super) u8);

/// What is drawn on. Everything outside is cut off.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
    font: Option<FontRef<'static>>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, paper: Ink) -> Self {
        let mut canvas = Self {
            width,
            height,
            rgb: vec![0; width * height * 3],
            font: FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR).ok(),
        };
        canvas.fill(0, 0, width, height, paper);
        canvas
    }

    pub(super) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, ink: Ink) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                self.put(column, row, ink, 1.0);
            }
        }
    }

    fn put(&mut self, x: usize, y: usize, ink: Ink, cover: f32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        for (below, above) in self.rgb[at..at + 3].iter_mut().zip([ink.0, ink.1, ink.2]) {
            let mixed = f32::from(*below) + (f32::from(above) - f32::from(*below)) * cover.clamp(0.0, 1.0);
            *below = mixed.round() as u8;
        }
    }

    /// `picture` scaled to `width × height`, of which the first `shown` columns are drawn.
    pub(super) fn picture(
        &mut self,
        x: usize,
        y: usize,
        shown: usize,
        width: usize,
        height: usize,
        picture: &Thumbnail,
    ) {
        if picture.rgb.len() < picture.width * picture.height * 3 || picture.width == 0 || picture.height == 0 {
            return;
        }
        for row in 0..height {
            for column in 0..shown {
                let (from_x, from_y) = (column * picture.width / width, row * picture.height / height);
                let at = (from_y * picture.width + from_x) * 3;
                let ink = Ink(picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]);
                self.put(x + column, y + row, ink, 1.0);
            }
        }
    }

    /// The words set in `size` pixels, top left at (`x`, `y`).
    pub(super) fn text(&mut self, x: usize, y: usize, size: f32, ink: Ink, words: &str) {
        let Some(font) = self.font.clone() else { return };
        let scaled = font.as_scaled(PxScale::from(size));
        let mut pen = point(x as f32, y as f32 + scaled.ascent());
        for letter in words.chars() {
            let glyph: Glyph = Glyph {
                id: font.glyph_id(letter),
                scale: PxScale::from(size),
                position: pen,
            };
            pen.x += scaled.h_advance(glyph.id);
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|column, row, cover| {
                    let (px, py) = (corner.x + column as f32, corner.y + row as f32);
                    if px >= 0.0 && py >= 0.0 {
                        self.put(px as usize, py as usize, ink, cover);
                    }
                });
            }
        }
    }

    /// How wide `words` are set in `size` pixels.
    pub(super) fn text_width(&self, size: f32, words: &str) -> usize {
        let Some(font) = &self.font else { return 0 };
        let scaled = font.as_scaled(PxScale::from(size));
        words
            .chars()
            .map(|letter| scaled.h_advance(font.glyph_id(letter)))
            .sum::<f32>()
            .ceil() as usize
    }

    #[cfg(test)]
    pub(super) fn at(&self, x: usize, y: usize) -> Ink {
        let at = (y * self.width + x) * 3;
        Ink(self.rgb[at], self.rgb[at + 1], self.rgb[at + 2])
    }

    pub(super) fn png(&self) -> Result<Vec<u8>, String> {
        let picture = image::RgbImage::from_raw(self.width as u32, self.height as u32, self.rgb.clone())
            .ok_or("the canvas has another size than its pixels")?;
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, image::ImageFormat::Png)
            .map_err(|e| e.to_string())?;
        Ok(bytes.into_inner())
    }
}
