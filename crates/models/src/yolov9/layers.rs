//! Which layer follows which, in each size.

/// Which size a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Tiny.
    T,
    /// Small.
    S,
    /// Medium.
    M,
    /// Compact, the one the others are measured by.
    C,
    /// Extended.
    E,
}

/// Where a layer takes its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Image,
    Last,
    Layer(usize),
}

use Source::{Image, Last};

#[derive(Debug, Clone)]
pub(super) enum Layer {
    /// 3 × 3, stride 2, to so many channels.
    Conv(usize),
    Elan {
        out: usize,
        part: usize,
    },
    RepElan {
        out: usize,
        part: usize,
        repeat: usize,
    },
    /// Half by means, half by maxima.
    ADown(usize),
    /// By means.
    AConv(usize),
    Spp {
        out: usize,
        neck: usize,
    },
    Twice,
    Concat(usize),
    /// One convolution cut into features for other layers.
    Branches(Vec<usize>),
    /// The last, and from each (layer, branch) its features at the same size.
    Fuse(Vec<(usize, usize)>),
    Detect([usize; 3]),
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 5] = [Self::T, Self::S, Self::M, Self::C, Self::E];

    pub(super) fn layers(self) -> Vec<(Source, Layer)> {
        use Layer::{AConv, ADown, Concat, Conv, Detect, Elan, RepElan, Spp, Twice};
        let rep = |out, part, repeat| RepElan { out, part, repeat };
        let shape = match self {
            Self::T => Some(([16, 32, 32], [64, 96, 128], [48, 64], 3)),
            Self::S => Some(([32, 64, 64], [128, 192, 256], [96, 128], 3)),
            Self::M => Some(([32, 64, 128], [240, 360, 480], [184, 240], 1)),
            Self::C | Self::E => None,
        };
        if let Some((stem, [b3, b4, b5], [down4, down5], repeat)) = shape {
            let first = if self == Self::M {
                rep(stem[2], stem[2], 1)
            } else {
                Elan {
                    out: stem[2],
                    part: stem[2],
                }
            };
            let list = vec![
                Conv(stem[0]),
                Conv(stem[1]),
                first,
                AConv(b3),
                rep(b3, b3, repeat),
                AConv(b4),
                rep(b4, b4, repeat),
                AConv(b5),
                rep(b5, b5, repeat),
                Spp { out: b5, neck: b5 / 2 },
                Twice,
                Concat(6),
                rep(b4, b4, repeat),
                Twice,
                Concat(4),
                rep(b3, b3, repeat),
                AConv(down4),
                Concat(12),
                rep(b4, b4, repeat),
                AConv(down5),
                Concat(9),
                rep(b5, b5, repeat),
                Detect([15, 18, 21]),
            ];
            return in_a_row(list);
        }
        if self == Self::C {
            return in_a_row(vec![
                Conv(64),
                Conv(128),
                rep(256, 128, 1),
                ADown(256),
                rep(512, 256, 1),
                ADown(512),
                rep(512, 512, 1),
                ADown(512),
                rep(512, 512, 1),
                Spp { out: 512, neck: 256 },
                Twice,
                Concat(6),
                rep(512, 512, 1),
                Twice,
                Concat(4),
                rep(256, 256, 1),
                ADown(256),
                Concat(12),
                rep(512, 512, 1),
                ADown(512),
                Concat(9),
                rep(512, 512, 1),
                Detect([15, 18, 21]),
            ]);
        }
        extended()
    }
}

/// Each layer takes what the one before gives.
fn in_a_row(layers: Vec<Layer>) -> Vec<(Source, Layer)> {
    let from = std::iter::once(Image).chain(std::iter::repeat(Last));
    from.zip(layers).collect()
}

/// Size e: a second backbone that is fed by branches of the first.
fn extended() -> Vec<(Source, Layer)> {
    use Layer::{ADown, Branches, Concat, Conv, Detect, Fuse, RepElan, Spp, Twice};
    let rep = |out, part| RepElan { out, part, repeat: 2 };
    let widths = [64, 128, 256, 512, 1024];
    let backbone = [
        (Image, Conv(64)),
        (Last, Conv(128)),
        (Last, rep(256, 128)),
        (Last, ADown(256)),
        (Last, rep(512, 256)),
        (Last, ADown(512)),
        (Last, rep(1024, 512)),
        (Last, ADown(1024)),
        (Last, rep(1024, 512)),
    ];
    let branches = (0..5).map(|i| (Source::Layer(2 * i), Branches(widths[..=i].to_vec())));
    let fuse = |i: usize| Fuse((9 + i..14).map(|layer| (layer, i)).collect());
    let second = [
        Conv(64),
        fuse(0),
        Conv(128),
        fuse(1),
        rep(256, 128),
        ADown(256),
        fuse(2),
        rep(512, 256),
        ADown(512),
        fuse(3),
        rep(1024, 512),
        ADown(1024),
        fuse(4),
        rep(1024, 512),
        Spp { out: 512, neck: 256 },
        Twice,
        Concat(24),
        rep(512, 512),
        Twice,
        Concat(21),
        rep(256, 256),
        ADown(256),
        Concat(31),
        rep(512, 512),
        ADown(512),
        Concat(28),
        rep(512, 1024),
        Detect([34, 37, 40]),
    ];
    backbone
        .into_iter()
        .chain(branches)
        .chain(in_a_row(second.to_vec()))
        .collect()
}
