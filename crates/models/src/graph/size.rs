//! Names for the sizes of pictures that are only known when a graph is run.
//!
//! ONNX Runtime forgets after the first convolution what the height and width of a picture were called, and then compares each buffer that
//! it could use again with all that were freed before, in vain: for a U-Net of 2,500 layers that was three quarters of the time of
//! loading it. So graphs say of what flows between their layers how large it is, by name.

use super::{Graph, Value};
use crate::onnx::{self, Dim, Element};

impl Graph<'_> {
    /// From here on all pictures are N × channels × height × width, of one size that [`Graph::halved`] and [`Graph::doubled`] change; the
    /// input that says how many there are calls that `n`.
    pub(crate) fn name_sizes(&mut self) {
        self.halvings = Some(0);
    }

    /// What comes now is half as large.
    pub(crate) fn halved(&mut self) {
        self.halvings = self.halvings.map(|n| n + 1);
    }

    /// What comes now is twice as large.
    pub(crate) fn doubled(&mut self) {
        self.halvings = self.halvings.map(|n| n - 1);
    }

    /// What the present size is called, or where sizes have no names one that nothing else has.
    pub(super) fn size_names(&mut self) -> (String, String) {
        let which = match self.halvings {
            Some(n) => n.to_string(),
            None => self.fresh(),
        };
        (format!("height{which}"), format!("width{which}"))
    }

    /// `x` is a picture of so many channels and of the present size.
    pub(crate) fn sized(&mut self, x: &Value, channels: usize) {
        if self.halvings.is_some() {
            let (height, width) = self.size_names();
            let shape = [Dim::Known(channels), Dim::Named(&height), Dim::Named(&width)];
            self.know(x, &shape);
        }
    }

    /// `x` is N × rows × what `each` rows of a picture of the present size have.
    pub(crate) fn sized_rows(&mut self, x: &Value, rows: usize, each: usize) {
        if let Some(n) = self.halvings {
            let places = format!("places{n}x{each}");
            self.know(x, &[Dim::Known(rows), Dim::Named(&places)]);
        }
    }

    /// The axes of `x` after the first, which is `n`.
    fn know(&mut self, x: &Value, shape: &[Dim<'_>]) {
        let shape = [&[Dim::Named("n")], shape].concat();
        self.parts.known.push(onnx::value(&x.0, Element::F32, &shape));
    }
}
