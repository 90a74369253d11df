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

    /// The first pixel of a picture of one colour.
    fn colour(bytes: &[u8]) -> [u8; 3] {
        let art = Artwork::decode("art", bytes, 64).expect("decodes");
        let middle = (art.width() * (art.height() / 2) + art.width() / 2) as usize * 3;
        let rgb = &art.rgb()[middle..middle + 3];
        [rgb[0], rgb[1], rgb[2]]
    }

    #[test]
    fn sixteen_bits_or_alpha_or_grey_change_a_colour() {
        let wide = |values: &[u16]| -> Vec<u8> { values.repeat(64).iter().flat_map(|v| v.to_ne_bytes()).collect() };
        let png = |kind, bytes: &[u8]| png(8, 8, kind, bytes);
        let full = colour(&png(ExtendedColorType::Rgb16, &wide(&[0xffff, 0x8080, 0x0101])));
        assert_eq!(full, [255, 128, 1]);
        let opaque = colour(&png(
            ExtendedColorType::Rgba16,
            &wide(&[0xffff, 0x8080, 0x0101, 0xffff]),
        ));
        assert_eq!(opaque, [255, 128, 1]);
        assert_eq!(colour(&png(ExtendedColorType::L16, &wide(&[0x4040]))), [64; 3]);
        assert_eq!(colour(&png(ExtendedColorType::La8, &[77, 255].repeat(64))), [77; 3]);
        // What cannot be seen is laid over a dark ground, not shown as it happens to be stored.
        let clear = colour(&png(ExtendedColorType::Rgba8, &[255, 255, 255, 0].repeat(64)));
        assert!(clear.iter().all(|v| *v < 140), "{clear:?}");
    }

    /// A JPEG of 8 × 8 pixels of one colour, in four inks as Adobe stores them (255: no ink).
    fn four_inks(inks: [u8; 4]) -> Vec<u8> {
        let mut out = vec![0xff, 0xd8];
        let mut segment = |kind: u8, body: &[u8]| {
            out.extend([0xff, kind, 0, body.len() as u8 + 2]);
            out.extend(body);
        };
        segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
        segment(0xdb, &[[0].as_slice(), &[1; 64]].concat());
        segment(
            0xc0,
            &[8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0],
        );
        // Sizes 0, 10 and 11 of a block's mean have the codes 00, 01 and 10; a block ends with 0.
        segment(0xc4, &[0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11]);
        segment(0xc4, &[0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        segment(0xda, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
        let mut bits = String::new();
        for ink in inks {
            let mean = (i32::from(ink) - 128) * 8;
            bits += &match mean {
                0 => "00".to_owned(),
                1..=1023 => format!("01{mean:010b}"),
                _ => format!("10{:011b}", mean + 2047),
            };
            bits.push('0');
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        for byte in bits.as_bytes().chunks(8) {
            let byte = byte.iter().fold(0, |n, b| n << 1 | (b - b'0'));
            out.push(byte);
            if byte == 0xff {
                out.push(0);
            }
        }
        out.extend([0xff, 0xd9]);
        out
    }

    #[test]
    fn a_picture_for_the_press_has_its_colours_turned_round() {
        for (inks, wanted) in [
            ([255, 0, 0, 255], [255, 0, 0]),
            ([0, 255, 255, 255], [0, 255, 255]),
            ([255, 255, 255, 0], [0, 0, 0]),
            ([255, 255, 255, 255], [255, 255, 255]),
        ] {
            let found = colour(&four_inks(inks));
            assert!(
                found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 4),
                "{inks:?}: {found:?}"
            );
        }
    }

    #[test]
    fn a_camera_held_upright_gives_a_picture_that_lies() {
        // Red on the left, blue on the right.
        let rgb: Vec<u8> = (0..16 * 8)
            .flat_map(|i| if i % 16 < 8 { [250, 0, 0] } else { [0, 0, 250] })
            .collect();
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
            .write_image(&rgb, 16, 8, ExtendedColorType::Rgb8)
            .expect("encodes");
        // EXIF with one entry: orientation 6, the camera's right side is above.
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut turned = vec![0xff, 0xd8, 0xff, 0xe1, 0, exif.len() as u8 + 2];
        turned.extend(exif);
        turned.extend(&jpeg[2..]);
        let art = Artwork::decode("art", &turned, 64).expect("decodes");
        assert_eq!((art.width(), art.height()), (8, 16));
        let at = |y: usize| &art.rgb()[(y * 8 + 4) * 3..][..3];
        assert!(at(2)[0] > 180 && at(2)[2] < 70, "{:?}", at(2));
        assert!(at(13)[2] > 180 && at(13)[0] < 70, "{:?}", at(13));
    }
}
