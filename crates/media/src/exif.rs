//! The one thing a photograph's EXIF data must tell: how the camera was held.

use std::{fs::File, io::Read, path::Path};

/// Clockwise degrees to show a JPEG upright, where its EXIF data says so (CIPA DC-008, tag 0x0112). A mirrored
/// orientation, which no camera makes, is taken for its unmirrored one.
pub(crate) fn rotation(input: &Path) -> Option<u16> {
    let mut head = Vec::new();
    File::open(input).ok()?.take(256 << 10).read_to_end(&mut head).ok()?;
    rotation_of(&head)
}

fn rotation_of(head: &[u8]) -> Option<u16> {
    let mut rest = head.strip_prefix(b"\xff\xd8")?;
    loop {
        let (marker, length) = (
            rest.get(..2)?,
            usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?])),
        );
        if marker[0] != 0xff || length < 2 {
            return None;
        }
        let body = rest.get(4..2 + length)?;
        match marker[1] {
            0xe1 if body.starts_with(b"Exif\0\0") => return orientation(body.get(6..)?),
            // The picture itself begins: no EXIF data.
            0xda => return None,
            _ => rest = rest.get(2 + length..)?,
        }
    }
}

fn orientation(tiff: &[u8]) -> Option<u16> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = [*tiff.get(at)?, *tiff.get(at.checked_add(1)?)?];
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let (a, b) = (short(at)?, short(at + 2)?);
        let (high, low) = if little { (b, a) } else { (a, b) };
        Some((usize::from(high) << 16) | usize::from(low))
    };
    let folder = long(4)?;
    let entries = usize::from(short(folder)?);
    let entry = (0..entries)
        .map(|i| folder + 2 + 12 * i)
        .find(|at| short(*at) == Some(0x0112))?;
    match short(entry + 8)? {
        1 | 2 => Some(0),
        3 | 4 => Some(180),
        5 | 6 => Some(90),
        7 | 8 => Some(270),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn photograph(orientation: u8) -> Vec<u8> {
        let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
        tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
        let mut jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xe1".to_vec();
        jpeg.extend((tiff.len() as u16 + 8).to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(tiff);
        jpeg
    }

    #[test]
    fn a_photograph_taken_upright_lies_on_its_side() {
        assert_eq!(rotation_of(&photograph(6)), Some(90));
        assert_eq!(rotation_of(&photograph(8)), Some(270));
        assert_eq!(rotation_of(&photograph(3)), Some(180));
        assert_eq!(rotation_of(&photograph(99)), None);
    }

    proptest! {
        #[test]
        fn broken_exif_data_brings_it_down(noise in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..40) {
            let mut jpeg = photograph(6);
            for (i, byte) in noise.iter().enumerate() {
                if let Some(place) = jpeg.get_mut(at + i) {
                    *place = *byte;
                }
            }
            let _ = rotation_of(&jpeg);
            let _ = orientation(&noise);
        }
    }
}
