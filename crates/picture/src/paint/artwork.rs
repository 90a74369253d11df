//! Artworks: decoded with limits, upright, opaque, 8-bit sRGB.

use std::io::Cursor;

use fast_image_resize as fir;
use fir::images::TypedImage;
use fir::pixels::U16x3;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::PictureError;

use super::saliency::Saliency;
use super::tone::{decode_table, encode_u8};

/// Largest side an artwork may have, pixels.
pub const LARGEST_SIDE: u32 = 65_535;
/// Most pixels an artwork may have; asked before anything is decoded.
pub const MOST_PIXELS: u64 = 120_000_000;

/// A picture of the person's, ready to be cropped.
#[derive(Debug, Clone)]
pub struct Artwork {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    info: ArtInfo,
}

/// What the storyboard needs to know of an artwork.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtInfo {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Where the eye goes.
    pub saliency: Saliency,
}

impl Artwork {
    /// Decodes a JPEG, PNG or WebP held in memory: upright by its EXIF orientation, transparency laid over a dark
    /// ground of the picture's own colour, reduced so that no side is over `longest` pixels (in linear light).
    ///
    /// # Errors
    /// [`PictureError::Artwork`] if the bytes are no such picture, are cut short, or are larger than
    /// [`LARGEST_SIDE`] or [`MOST_PIXELS`]; the size is checked before the pixels are decoded.
    pub fn decode(name: &str, bytes: &[u8], longest: u32) -> Result<Self, PictureError> {
        let fail = |why: String, hint: &str| PictureError::Artwork {
            name: name.into(),
            why,
            hint: hint.into(),
        };
        const KINDS: &str = "JPEG, PNG and WebP are understood";
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| fail(e.to_string(), KINDS))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(LARGEST_SIDE);
        limits.max_image_height = Some(LARGEST_SIDE);
        limits.max_alloc = Some(MOST_PIXELS * 10);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|e| fail(e.to_string(), KINDS))?;
        let (w, h) = decoder.dimensions();
        if u64::from(w) * u64::from(h) > MOST_PIXELS {
            return Err(fail(
                format!("it is {w}x{h}, over {} million pixels", MOST_PIXELS / 1_000_000),
                "make it smaller first",
            ));
        }
        let upright = decoder
            .orientation()
            .unwrap_or(image::metadata::Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder)
            .map_err(|e| fail(e.to_string(), "the file may be cut short or damaged"))?;
        picture.apply_orientation(upright);
        let (w, h) = (picture.width(), picture.height());
        let rgb = if picture.color().has_alpha() {
            flatten(&picture.into_rgba8().into_raw())
        } else {
            picture.into_rgb8().into_raw()
        };
        Self::from_rgb8(name, w, h, rgb)?.reduced(name, longest)
    }

    /// An artwork from `width * height` pixels of 8-bit sRGB, row by row.
    ///
    /// # Errors
    /// [`PictureError::Artwork`] if it is empty or the length does not fit the size.
    pub fn from_rgb8(name: &str, width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        if width == 0 || height == 0 || rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 {
            return Err(PictureError::Artwork {
                name: name.into(),
                why: format!("{} bytes are not {width}x{height} pixels", rgb.len()),
                hint: "the file may be cut short or damaged".into(),
            });
        }
        let saliency = Saliency::of(width as usize, height as usize, &rgb);
        Ok(Self {
            width,
            height,
            rgb,
            info: ArtInfo {
                width,
                height,
                saliency,
            },
        })
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// 8-bit sRGB, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// What the storyboard needs to know of it.
    pub fn info(&self) -> &ArtInfo {
        &self.info
    }

    fn reduced(self, name: &str, longest: u32) -> Result<Self, PictureError> {
        let side = self.width.max(self.height);
        let longest = longest.max(16);
        if side <= longest {
            return Ok(self);
        }
        let to = |v: u32| ((f64::from(v) * f64::from(longest) / f64::from(side)).round() as u32).max(1);
        let (w, h) = (to(self.width), to(self.height));
        let table = decode_table();
        let linear: Vec<U16x3> = self
            .rgb
            .chunks_exact(3)
            .map(|p| {
                U16x3::new([
                    table[usize::from(p[0])],
                    table[usize::from(p[1])],
                    table[usize::from(p[2])],
                ])
            })
            .collect();
        let fail = |why: String| PictureError::Artwork {
            name: name.into(),
            why,
            hint: "try a smaller picture".into(),
        };
        let source = TypedImage::from_pixels(self.width, self.height, linear).map_err(|e| fail(e.to_string()))?;
        let mut small = TypedImage::<U16x3>::new(w, h);
        fir::Resizer::new()
            .resize_typed(
                &source,
                &mut small,
                &fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3)),
            )
            .map_err(|e| fail(e.to_string()))?;
        let rgb = small.pixels().iter().flat_map(|p| p.0.map(encode_u8)).collect();
        Self::from_rgb8(name, w, h, rgb)
    }
}

/// Lays RGBA over a dark ground of the picture's own mean colour, in linear light: a logo keeps its colours and a
/// cut-out does not float in plain black.
fn flatten(rgba: &[u8]) -> Vec<u8> {
    let table = decode_table();
    let mut sum = [0f64; 4];
    for p in rgba.chunks_exact(4) {
        let a = f64::from(p[3]);
        for c in 0..3 {
            sum[c] += f64::from(table[usize::from(p[c])]) * a;
        }
        sum[3] += a;
    }
    let ground = [0, 1, 2].map(|c| if sum[3] > 0.0 { 0.12 * sum[c] / sum[3] } else { 0.0 });
    rgba.chunks_exact(4)
        .flat_map(|p| {
            let a = f64::from(p[3]) / 255.0;
            [0, 1, 2].map(|c| {
                if p[3] == 255 {
                    return p[c];
                }
                let over = f64::from(table[usize::from(p[c])]) * a + ground[c] * (1.0 - a);
                encode_u8(over.round() as u16)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

    fn png(w: u32, h: u32, kind: ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PngEncoder::new(&mut out)
            .write_image(bytes, w, h, kind)
            .expect("encodes");
        out
    }

    #[test]
    fn pictures_of_odd_kinds_are_refused_or_come_out_empty() {
        for (w, h, kind, depth) in [
            (1, 1, ExtendedColorType::L8, 1),
            (3, 5, ExtendedColorType::La8, 2),
            (7, 2, ExtendedColorType::Rgba8, 4),
            (9, 4, ExtendedColorType::L16, 2),
            (5, 5, ExtendedColorType::Rgb16, 6),
            (5, 3, ExtendedColorType::Rgba16, 8),
            (30_000, 10, ExtendedColorType::Rgb8, 3),
        ] {
            let bytes = vec![90u8; (w * h) as usize * depth];
            let art = Artwork::decode("art", &png(w, h, kind, &bytes), 2048).expect("decodes");
            assert!(art.width() >= 1 && art.height() >= 1 && art.width() <= 2048);
            assert_eq!(art.rgb().len(), (art.width() * art.height() * 3) as usize);
        }
    }

    #[test]
    fn broken_bytes_are_taken_for_a_picture() {
        let good = png(8, 8, ExtendedColorType::Rgb8, &[7; 192]);
        for bytes in [&b""[..], b"hello, I am no picture", &good[..good.len() / 2]] {
            let err = Artwork::decode("cover.png", bytes, 512)
                .expect_err("no picture")
                .to_string();
            assert!(err.contains("cover.png"), "{err}");
        }
    }

    #[test]
    fn a_picture_that_claims_a_billion_pixels_is_decoded() {
        let mut bytes = png(8, 8, ExtendedColorType::Rgb8, &[7; 192]);
        bytes[16..24].copy_from_slice(&[0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40]);
        assert!(Artwork::decode("bomb.png", &bytes, 512).is_err());
    }

    #[test]
    fn opaque_pixels_change_when_transparency_is_laid_down() {
        let flat = flatten(&[10, 200, 30, 255, 255, 255, 255, 0]);
        assert_eq!(&flat[..3], &[10, 200, 30]);
        assert!(flat[3..].iter().all(|v| *v < 140));
    }
}
