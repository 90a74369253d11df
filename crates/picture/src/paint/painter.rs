//! The painter `morph`: frames of a film from a storyboard and artworks, without neural weights.

use std::sync::{Arc, Mutex, PoisonError};

use synchresis_cue::{Look, Storyboard};

use crate::PictureError;

use super::artwork::Artwork;
use super::flow::{Grid, MATCH_COLUMNS, Turning};
use super::leak::{Leak, leak_of};
use super::manner::Manner;
use super::mesh::{CELL, Mesh, Node, grid_for};
use super::motes::{Air, motes};
use super::noise::{TILE, field, mix, signed, wander};
use super::plate::{BLEED, Dye, Plate, PlateKey};
use super::raster::{Lens, Mixing, Raster, folded};
use super::still::Still;
use super::timeline::{Drive, Timeline};
use super::tone::ToneCurve;

/// Most memory that plates may hold beyond the two or three that a frame needs, bytes.
const PLATE_BUDGET: usize = 200 << 20;
/// Largest side of a film, pixels.
pub const LARGEST_FRAME: u32 = 8192;

/// Paints any frame of a film. The same storyboard, artworks and frame number give the same bytes, in whatever order
/// the frames are asked for and on however many threads.
pub struct Painter {
    artworks: Vec<Artwork>,
    width: usize,
    height: usize,
    seed: u64,
    dye: Dye,

    line: Timeline,
    grid: Grid,
    /// Smooth fields that warps are mixed from: two for each direction.
    sway: [Vec<f32>; 4],
    curves: Vec<(Look, ToneCurve)>,
    shelf: Mutex<Shelf>,
    still: Still,
}

/// What was made for frames before and may serve again.
#[derive(Default)]
struct Shelf {
    plates: Vec<(PlateKey, Look, Arc<Plate>)>,
    turnings: Vec<(usize, Arc<Turning>)>,
}

/// Where the camera is: film pixels of the shot = turned place / zoom * scale + shift.
#[derive(Debug, Clone, Copy)]
struct Camera {
    zoom: f32,
    scale: f32,
    shift: [f32; 2],
}

impl Painter {
    /// A painter for `board` and the artworks that it counts from 0.
    ///
    /// # Errors
    /// [`PictureError::Storyboard`] if the storyboard names an artwork that is not there, has no frames, or asks for
    /// an odd size or one above [`LARGEST_FRAME`].
    pub fn new(board: &Storyboard, artworks: Vec<Artwork>) -> Result<Self, PictureError> {
        let (w, h) = (board.width, board.height);
        if w < 2 || h < 2 || w % 2 == 1 || h % 2 == 1 || w > LARGEST_FRAME || h > LARGEST_FRAME {
            return Err(PictureError::Storyboard {
                why: format!("frames of {w}x{h} cannot be painted"),
                hint: format!("both sides must be even, from 2 to {LARGEST_FRAME}"),
            });
        }
        let line = Timeline::new(board, artworks.len())?;
        let (width, height) = (w as usize, h as usize);
        let grid = grid_for(width, height);
        let size = grid.columns.max(grid.rows) as f32 / 3.0;
        let sway = [1, 2, 3, 4].map(|k| field(mix(board.seed ^ k), grid.columns, grid.rows, size.max(2.0)));
        let dye = Dye {
            warmth: board.grade.warmth.clamp(-1.0, 1.0) as f32,
            saturation: board.grade.saturation.clamp(0.0, 2.0) as f32,
        };
        let grade_contrast = board.grade.contrast.clamp(-1.0, 1.0) as f32;
        let mut curves: Vec<(Look, ToneCurve)> = Vec::new();
        for take in &line.takes {
            if curves.iter().all(|(look, _)| *look != take.look) {
                let manner = Manner::of(take.look);
                let graded = if take.look == Look::Seed {
                    0.0
                } else {
                    0.3 * grade_contrast
                };
                let contrast = (manner.contrast + graded).clamp(-0.6, 0.8);
                curves.push((take.look, ToneCurve::new(contrast, manner.shoulder)));
            }
        }
        Ok(Self {
            artworks,
            width,
            height,
            seed: board.seed,
            dye,
            line,
            grid,
            sway,
            curves,
            shelf: Mutex::default(),
            still: Still::default(),
        })
    }

    /// Frames of the film.
    pub fn frames(&self) -> u64 {
        self.line.frames
    }

    /// Bytes that [`Painter::frame`] writes.
    pub fn frame_bytes(&self) -> usize {
        self.width * self.height * 3 / 2
    }

    /// Paints frame `i` as planar YCbCr 4:2:0: 8 bits, BT.709, limited range, chroma sited left; Y, Cb, Cr without
    /// padding. Frames past the end repeat the last.
    ///
    /// # Errors
    /// [`PictureError::Paint`] if `out` is not [`Painter::frame_bytes`] long or memory does not suffice.
    pub fn frame(&self, i: u64, out: &mut [u8]) -> Result<(), PictureError> {
        self.fits(out, self.frame_bytes())?;
        self.paint(i, |raster, takes| self.still.paint(raster, takes, out))
    }

    /// Paints frame `i` as 8-bit sRGB, `width * height * 3` bytes row by row: for stills and contact sheets.
    ///
    /// # Errors
    /// As [`Painter::frame`].
    pub fn frame_rgb(&self, i: u64, out: &mut [u8]) -> Result<(), PictureError> {
        self.fits(out, self.width * self.height * 3)?;
        self.paint(i, |raster, _| raster.rgb24(out))
    }

    fn fits(&self, out: &[u8], want: usize) -> Result<(), PictureError> {
        if out.len() == want {
            return Ok(());
        }
        let why = format!("a buffer of {} bytes was given for {want}", out.len());
        Err(PictureError::Paint {
            doing: "painting a frame",
            why,
        })
    }

    fn paint(&self, i: u64, write: impl FnOnce(&Raster<'_>, (usize, Option<usize>))) -> Result<(), PictureError> {
        let i = i.min(self.line.frames - 1);
        let (k, turn) = self.line.shown(i);
        let take = &self.line.takes[k];
        let manner = Manner::of(take.look);
        let drive = self.line.drive(i, manner.pulse_s);
        let a = self.plate(k)?;
        let (b, way) = match turn {
            Some((next, way)) => (Some((next, self.plate(next)?)), way),
            None => (None, 0.0),
        };
        let turning = b.as_ref().map(|(next, b)| self.turning(*next, &a, b));
        let scene = Scene {
            painter: self,
            time: self.line.camera_time(i) as f32,
            manner,
            drive,
            a: &a,
            b: b.as_ref().map(|(_, p)| &**p),
            turning: turning.as_deref(),
            way,
            cameras: self.cameras(i, k, turn, &manner, drive.pulse),
            leak: leak_of(self.seed, drive, self.dye.warmth),
        };
        let mesh = Mesh::new(self.grid, |column, row| scene.node(column, row));
        let tone = self
            .curves
            .iter()
            .find(|(look, _)| *look == take.look)
            .map(|(_, curve)| curve);
        let Some(tone) = tone else {
            return Err(PictureError::Paint {
                doing: "painting a frame",
                why: "its look has no tone curve".into(),
            });
        };
        let shake = mix(self.seed ^ mix(self.line.in_gate(i)));
        let raster = Raster {
            width: self.width,
            height: self.height,
            mesh: &mesh,
            a: &a,
            b: scene.b,
            mixing: if take.look == Look::Seed {
                Mixing::Even(way)
            } else {
                Mixing::Ordered {
                    way: scene.dissolved(),
                    soft: manner.soft,
                }
            },
            fold: manner.fold.then(|| self.lenses(i, &scene)),
            split: manner.split > 0.0 || manner.split_pulse * drive.pulse > 1e-3,
            tone,
            grain: manner.grain,
            grain_at: (shake as usize % TILE, (shake >> 20) as usize % TILE),
            motes: motes(&Air {
                seed: self.seed,
                width: self.width,
                height: self.height,
                time: i as f64 / self.line.fps,
                camera: self.line.camera_time(i),
                brightness: manner.motes,
                size: manner.mote_size,
                glint: drive.glint,
                warmth: self.dye.warmth,
            }),
        };
        write(&raster, (k, turn.map(|(next, _)| next)));
        Ok(())
    }

    fn plate(&self, k: usize) -> Result<Arc<Plate>, PictureError> {
        let take = &self.line.takes[k];
        let key = PlateKey {
            artwork: take.shot.artwork,
            crop: take.shot.crop,
            mirrored: take.shot.mirrored,
        };
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = shelf
            .plates
            .iter()
            .position(|(have, look, _)| *have == key && *look == take.look)
        {
            // The one used last stands last.
            let found = shelf.plates.remove(at);
            let plate = Arc::clone(&found.2);
            shelf.plates.push(found);
            return Ok(plate);
        }
        let manner = Manner::of(take.look);
        let dye = if take.look == Look::Seed {
            Dye {
                warmth: 0.0,
                saturation: 1.0,
            }
        } else {
            Dye {
                warmth: self.dye.warmth,
                saturation: self.dye.saturation * manner.saturation,
            }
        };
        let plate = Arc::new(Plate::new(
            &self.artworks[key.artwork],
            key,
            dye,
            self.width,
            self.height,
        )?);
        shelf.plates.push((key, take.look, Arc::clone(&plate)));
        while shelf.plates.len() > 3 && shelf.plates.iter().map(|p| p.2.bytes()).sum::<usize>() > PLATE_BUDGET {
            shelf.plates.remove(0);
        }
        Ok(plate)
    }

    fn turning(&self, next: usize, a: &Plate, b: &Plate) -> Arc<Turning> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, turning)) = shelf.turnings.iter().find(|(k, _)| *k == next) {
            return Arc::clone(turning);
        }
        let rows = ((MATCH_COLUMNS * self.height) as f64 / self.width as f64)
            .round()
            .clamp(4.0, 160.0) as usize;
        let (from, to) = (a.luminance(MATCH_COLUMNS, rows), b.luminance(MATCH_COLUMNS, rows));
        let draws = self.draws(next.saturating_sub(1));
        let seed = mix(self.seed ^ next as u64);
        let turning = Arc::new(Turning::new(&from, &to, rows, self.grid, &draws, seed));
        shelf.turnings.push((next, Arc::clone(&turning)));
        if shelf.turnings.len() > 2 {
            shelf.turnings.remove(0);
        }
        turning
    }

    /// How much each point of the mesh draws the eye in the take `k`, 0 to 1.
    fn draws(&self, k: usize) -> Vec<f32> {
        let shot = &self.line.takes[k].shot;
        let saliency = &self.artworks[shot.artwork].info().saliency;
        let [l, t, r, b] = shot.crop;
        let (columns, rows) = (self.grid.columns, self.grid.rows);
        (0..columns * rows)
            .map(|i| {
                let x = (i % columns) as f64 / (columns - 1).max(1) as f64;
                let y = (i / columns) as f64 / (rows - 1).max(1) as f64;
                let x = if shot.mirrored { 1.0 - x } else { x };
                saliency.at(l + (r - l) * x, t + (b - t) * y)
            })
            .collect()
    }

    /// The cameras of the picture that is shown and of the one it turns into.
    fn cameras(&self, i: u64, k: usize, turn: Option<(usize, f32)>, manner: &Manner, pulse: f32) -> [Camera; 2] {
        let own = |k: usize| {
            let q = self.line.travelled(k, i);
            let toward = if k.is_multiple_of(2) { q } else { 1.0 - q };
            let angle = std::f32::consts::PI * signed(self.seed, k as i64, 31);
            let far = manner.drift * self.height as f32 * (q - 0.5);
            Camera {
                zoom: (1.0 + manner.zoom * toward) * (1.0 + manner.pulse * pulse),
                scale: 1.0,
                shift: [far * angle.cos(), far * angle.sin()],
            }
        };
        let mut cameras = [own(k), turn.map_or_else(|| own(k), |(next, _)| own(next))];
        if manner.weave > 0.0 {
            let reach = manner.weave * self.height as f32;
            let t = self.line.in_gate(i) as f64 / self.line.fps * 5.0;
            for camera in &mut cameras {
                camera.shift[0] += reach * wander(self.seed ^ 0x77, t);
                camera.shift[1] += reach * wander(self.seed ^ 0x78, t);
            }
        }
        if let Some((next, way)) = turn.filter(|(next, _)| self.flies(k, *next)) {
            let between = |a: f32, b: f32| a + (b - a) * way;
            let zoom = between(cameras[0].zoom, cameras[1].zoom);
            let drift = [0, 1].map(|c| between(cameras[0].shift[c], cameras[1].shift[c]));
            let (a, b) = (self.line.takes[k].shot.crop, self.line.takes[next].shot.crop);
            let art = &self.artworks[self.line.takes[k].shot.artwork];
            for (camera, own) in cameras.iter_mut().zip([a, b]) {
                let (scale, shift) = flight(a, b, way, own, (art.width(), art.height()), self.width as f32);
                camera.zoom = zoom;
                camera.scale = scale;
                camera.shift = [drift[0] * scale + shift[0], drift[1] * scale + shift[1]];
            }
        }
        cameras
    }

    /// Whether the way from a take to the next is a flight through one artwork: a crop within a crop.
    fn flies(&self, k: usize, next: usize) -> bool {
        let (a, b) = (&self.line.takes[k].shot, &self.line.takes[next].shot);
        let holds = |o: [f64; 4], i: [f64; 4]| {
            o[0] <= i[0] + 1e-6 && o[1] <= i[1] + 1e-6 && o[2] >= i[2] - 1e-6 && o[3] >= i[3] - 1e-6
        };
        let manner = Manner::of(self.line.takes[k].look);
        manner.flow > 0.0
            && !manner.fold
            && a.artwork == b.artwork
            && !a.mirrored
            && !b.mirrored
            && a.crop != b.crop
            && (holds(a.crop, b.crop) || holds(b.crop, a.crop))
    }

    fn lenses(&self, i: u64, scene: &Scene<'_>) -> [Lens; 2] {
        let t = self.line.camera_time(i);
        [0usize, 1].map(|which| {
            let plate = if which == 0 {
                scene.a
            } else {
                scene.b.unwrap_or(scene.a)
            };
            let camera = scene.cameras[which];
            // The wedge looks at the middle of the crop and turns slowly about its tip.
            let angle = 0.9 * wander(self.seed ^ 0x61, t * 0.05) + 0.5;
            let scale = plate.density / (1.30 * camera.zoom);
            let reach = 0.10 * self.height as f32 * plate.density;
            let (dx, dy) = (wander(self.seed ^ 0x62, t * 0.11), wander(self.seed ^ 0x63, t * 0.11));
            Lens {
                turn: [scale * angle.cos(), scale * angle.sin()],
                centre: [
                    (plate.width - 1) as f32 / 2.0 + reach * dx + camera.shift[0] * plate.density,
                    (plate.height - 1) as f32 / 2.0 + reach * dy + camera.shift[1] * plate.density,
                ],
            }
        })
    }
}

/// Everything that the points of a frame's mesh are made from.
struct Scene<'a> {
    painter: &'a Painter,
    /// Seconds as the camera has them.
    time: f32,
    manner: Manner,
    drive: Drive,
    a: &'a Plate,
    b: Option<&'a Plate>,
    turning: Option<&'a Turning>,
    way: f32,
    cameras: [Camera; 2],
    leak: Leak,
}

impl Scene<'_> {
    /// How far the dissolve is gone. On a flight it begins when the far picture has come near enough to be sharp.
    fn dissolved(&self) -> f32 {
        if !self.flies() {
            self.way
        } else {
            let t = ((self.way - 0.25) / 0.5).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }
    }

    fn flies(&self) -> bool {
        self.cameras.iter().any(|c| c.scale != 1.0)
    }

    fn node(&self, column: usize, row: usize) -> Node {
        let painter = self.painter;
        let (w, h) = (painter.width as f32, painter.height as f32);
        let k = row * painter.grid.columns + column;
        // Film pixels from the middle.
        let x = (column * CELL) as f32 - (w - 1.0) / 2.0;
        let y = (row * CELL) as f32 - (h - 1.0) / 2.0;
        let m = &self.manner;
        let t = self.time;
        let bulge = 4.0 * self.way * (1.0 - self.way);
        let reach = (m.sway + m.melt * bulge) * h;
        let (c, s) = ((t * 0.7).cos(), (t * 0.7).sin());
        let sway = [
            reach * (painter.sway[0][k] * c + painter.sway[1][k] * s),
            reach * (painter.sway[2][k] * c + painter.sway[3][k] * s),
        ];
        let mut node = Node {
            gain: 1.0,
            ..Node::default()
        };
        if m.fold {
            let angle = m.turn * t + m.turn_pulse * self.drive.turned;
            let (ca, sa) = (angle.cos(), angle.sin());
            let place = [
                ca * (x + sway[0]) - sa * (y + sway[1]),
                sa * (x + sway[0]) + ca * (y + sway[1]),
            ];
            (node.a, node.b) = (place, place);
        } else {
            let flow = match self.turning {
                Some(turning) if !self.flies() => {
                    let [fx, fy] = turning.flow.get(k).copied().unwrap_or_default();
                    [fx * w * m.flow, fy * h * m.flow]
                }
                _ => [0.0; 2],
            };
            node.a = self.placed(self.a, self.cameras[0], [x, y], sway, flow, -self.way);
            if let Some(b) = self.b {
                node.b = self.placed(b, self.cameras[1], [x, y], sway, flow, 1.0 - self.way);
            }
        }
        if let (Some(turning), Some(b)) = (self.turning, self.b) {
            // A folded picture turns in folds, or it would lose its symmetry.
            node.order = if m.fold {
                let [fx, fy] = folded(node.a);
                painter.grid.sample(
                    &turning.order,
                    [
                        (fx + (w - 1.0) / 2.0) / CELL as f32,
                        (fy + (h - 1.0) / 2.0) / CELL as f32,
                    ],
                )
            } else {
                turning.order.get(k).copied().unwrap_or(0.5)
            };
            if self.flies() {
                // Where a picture of a flight has no pixels of its own the other one shows.
                let (miss_a, miss_b) = (beyond(self.a, node.a), beyond(b, node.b));
                node.order += 8.0 * (miss_b - miss_a);
            }
            if !m.fold {
                node.b = held(b, node.b);
            }
        }
        if !m.fold {
            node.a = held(self.a, node.a);
        }
        self.shine(&mut node, x, y);
        node
    }

    fn placed(
        &self,
        plate: &Plate,
        camera: Camera,
        [x, y]: [f32; 2],
        sway: [f32; 2],
        flow: [f32; 2],
        share: f32,
    ) -> [f32; 2] {
        let at = |v: f32, axis: usize| (v / camera.zoom + sway[axis]) * camera.scale + camera.shift[axis];
        [
            (plate.width - 1) as f32 / 2.0 + plate.density * (at(x, 0) + share * flow[0]),
            (plate.height - 1) as f32 / 2.0 + plate.density * (at(y, 1) + share * flow[1]),
        ]
    }

    /// Gain, glow, leak and the parting of colours at a point.
    fn shine(&self, node: &mut Node, x: f32, y: f32) {
        let m = &self.manner;
        let (w, h) = (self.painter.width as f32, self.painter.height as f32);
        let (nx, ny) = (2.0 * x / w, 2.0 * y / h);
        let r2 = 0.5 * (nx * nx + ny * ny);
        let pulse = self.drive.breath;
        node.gain = (1.0 - m.vignette * r2 * r2.sqrt().min(1.2)) * (1.0 + m.lift * pulse + m.flash * self.drive.flash);
        let amount = m.glow + m.glow_pulse * pulse + 0.5 * m.flash * self.drive.flash;
        if amount > 0.0 && !m.fold {
            let mut glow = self.a.glow_at(node.a[0], node.a[1]);
            if let Some(b) = self.b {
                let other = b.glow_at(node.b[0], node.b[1]);
                for (g, o) in glow.iter_mut().zip(other) {
                    *g += (o - *g) * self.way;
                }
            }
            node.light = glow.map(|g| g * amount);
        } else if amount > 0.0 {
            let light = self.a.light + (self.b.map_or(self.a.light, |b| b.light) - self.a.light) * self.way;
            node.light = [0.5 * amount * light / (1.0 + 3.0 * r2); 3];
        }
        if m.leak > 0.0 && self.drive.leak > 0.0 {
            let shine = m.leak * self.drive.leak * self.leak.at(nx, ny);
            for (l, c) in node.light.iter_mut().zip(self.leak.colour) {
                *l += shine * c;
            }
        }
        let split = (m.split + m.split_pulse * self.drive.pulse) * h * self.a.density * r2.sqrt();
        node.split = [split * nx, split * ny];
    }
}

/// How far a place lies beyond a plate, 0 (within) to 1, over the plate's own bleed.
fn beyond(plate: &Plate, at: [f32; 2]) -> f32 {
    let axis = |v: f32, whole: usize| {
        let last = (whole - 1) as f32;
        let rim = 0.5 * BLEED as f32 * last;
        let over = (rim - v).max(v - (last - rim)).max(0.0);
        (over / rim).min(1.0)
    };
    axis(at[0], plate.width).max(axis(at[1], plate.height))
}

/// A place brought back onto a plate, with a pixel to spare for its right and lower neighbour.
fn held(plate: &Plate, [u, v]: [f32; 2]) -> [f32; 2] {
    [
        u.clamp(0.0, (plate.width - 1) as f32 - 0.02),
        v.clamp(0.0, (plate.height - 1) as f32 - 0.02),
    ]
}

/// Where `own` (one of the crops `a` and `b`) is seen from a camera that has gone `way` of the flight from `a` to `b`:
/// scale and shift in film pixels. Sizes change evenly to the eye (by ratio), and one point stays where it is.
fn flight(a: [f64; 4], b: [f64; 4], way: f32, own: [f64; 4], (aw, ah): (u32, u32), width: f32) -> (f32, [f32; 2]) {
    let (aw, ah) = (f64::from(aw), f64::from(ah));
    let size = |c: [f64; 4]| ((c[2] - c[0]) * aw).max(1e-6);
    let middle = |c: [f64; 4]| [(c[0] + c[2]) / 2.0 * aw, (c[1] + c[3]) / 2.0 * ah];
    let (sa, sb) = (size(a), size(b));
    let s = sa * (sb / sa).powf(f64::from(way));
    let gone = if (sb - sa).abs() > 1e-3 * sa {
        (s - sa) / (sb - sa)
    } else {
        f64::from(way)
    };
    let (ma, mb, mo) = (middle(a), middle(b), middle(own));
    let film = f64::from(width) / size(own);
    let shift = [0, 1].map(|k| ((ma[k] + (mb[k] - ma[k]) * gone - mo[k]) * film) as f32);
    ((s / size(own)) as f32, shift)
}
