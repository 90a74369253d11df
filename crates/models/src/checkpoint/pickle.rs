//! The part of Python's pickle that a state dict is made of, and nothing else: no call is carried out, and a pickle that asks for
//! one is refused. (Opcodes: CPython's pickletools, protocols 2 to 5.)
//!
//! Containers live in an arena and refer to each other by number, so that a hostile pickle can nest and tie them as it likes
//! without deep recursion.

use std::collections::HashMap;
use std::rc::Rc;

use super::Stored;
use crate::onnx::Element;

/// A tensor that a pickle names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    /// Key of its data in the archive.
    pub(super) storage: String,
    pub(super) element: Element,
    /// First element within the storage.
    pub(super) start: usize,
    pub(super) shape: Vec<usize>,
    /// As [`Stored::axes`].
    pub(super) axes: Vec<usize>,
}

impl Tensor {
    /// Where it lies in `file`, when the data that it is of lie from `begin` on, so many bytes; else what is wrong with it.
    pub(super) fn within(self, file: &str, begin: u64, bytes: u64) -> Result<Stored, &'static str> {
        let size = self.element.size() as u64;
        let count = self.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
        let span = count.and_then(|n| n.checked_mul(size));
        let offset = (self.start as u64).checked_mul(size);
        let (Some(length), Some(offset)) = (span, offset) else {
            return Err("is larger than any file");
        };
        if offset.checked_add(length).is_none_or(|end| end > bytes) {
            return Err("is longer than its data");
        }
        Ok(Stored {
            file: file.to_owned(),
            offset: begin + offset,
            length,
            element: self.element,
            shape: self.shape,
            axes: self.axes,
        })
    }
}

/// The order in which the axes of a tensor lie, the slowest first; empty where it is their own. None where there are gaps between its
/// numbers, or some lie twice.
fn lie(shape: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    if strides.len() != shape.len() {
        return None;
    }
    let mut axes: Vec<usize> = (0..shape.len()).filter(|i| shape[*i] > 1).collect();
    axes.sort_by_key(|i| std::cmp::Reverse(strides[*i]));
    let mut expected = 1usize;
    for i in axes.iter().rev() {
        if strides[*i] != expected {
            return None;
        }
        expected = expected.checked_mul(shape[*i])?;
    }
    if axes.is_sorted() {
        return Some(Vec::new());
    }
    // Axes of one step may lie anywhere.
    let single = (0..shape.len()).filter(|i| shape[*i] <= 1);
    Some(single.chain(axes).collect())
}

/// Why nothing came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It calls this.
    Code(String),
    /// It is no pickle of a state dict.
    Broken(String),
}

fn broken(reason: impl Into<String>) -> Refusal {
    Refusal::Broken(reason.into())
}

#[derive(Debug, Clone)]
enum Item {
    Nothing,
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
    /// A name that was imported: (module, name).
    Global(Rc<(String, String)>),
    /// By number in the arena.
    Sequence(usize),
    Dict(usize),
    Storage(usize),
    Tensor(usize),
    Mark,
}

/// More than any state dict needs at once.
const DEEPEST: usize = 1 << 20;

#[derive(Default)]
struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Item>,
    memo: HashMap<u64, Item>,
    sequences: Vec<Vec<Item>>,
    dicts: Vec<Vec<(Item, Item)>>,
    storages: Vec<(String, Element)>,
    tensors: Vec<Tensor>,
}

/// Every tensor of the state dict in `bytes`, by name; one of `wrappers` may hold it.
pub(super) fn tensors(bytes: &[u8], wrappers: &[&str]) -> Result<Vec<(String, Tensor)>, Refusal> {
    let mut machine = Machine {
        input: bytes,
        ..Machine::default()
    };
    machine.state_dict(wrappers)
}

/// What lies before the data in a file of the time before PyTorch 1.6.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) tensors: Vec<(String, Tensor)>,
    /// Keys of the data in the order in which they lie, each with its kind of numbers.
    pub(super) data: Vec<(String, Element)>,
    /// Where the data begin.
    pub(super) end: usize,
}

/// What such a file begins with: a pickle of one great number.
pub(super) const MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// The only version of it that there ever was.
const VERSION: i64 = 1001;

/// Four pickles follow on [`MAGIC`]: the version, the machine, the state dict, and the keys of the data. (`_legacy_save` of PyTorch.)
pub(super) fn front(bytes: &[u8], wrappers: &[&str]) -> Result<Front, Refusal> {
    let rest = bytes
        .strip_prefix(&MAGIC)
        .ok_or_else(|| broken("it does not begin as such a file does"))?;
    let mut machine = Machine {
        input: rest,
        ..Machine::default()
    };
    if !matches!(machine.next_pickle()?, Item::Int(VERSION)) {
        return Err(broken("it is of an unknown version"));
    }
    let Item::Dict(about) = machine.next_pickle()? else {
        return Err(broken("it does not say on which machine it was written"));
    };
    let little = machine.dicts[about].iter().find_map(|(key, value)| match (key, value) {
        (Item::Text(key), Item::Bool(little)) if &**key == "little_endian" => Some(*little),
        _ => None,
    });
    if little != Some(true) {
        return Err(broken("its numbers lie with their highest byte first"));
    }
    machine.reset();
    let tensors = machine.state_dict(wrappers)?;
    let storages = std::mem::take(&mut machine.storages);
    let kinds: HashMap<&str, Element> = storages.iter().map(|(key, kind)| (key.as_str(), *kind)).collect();
    let keys = machine.next_pickle()?;
    let data = machine
        .items(&keys)?
        .into_iter()
        .map(|key| match key {
            Item::Text(key) => match kinds.get(&*key) {
                Some(kind) => Ok((key.to_string(), *kind)),
                None => Err(broken(format!("there are data {key} of which nothing is known"))),
            },
            _ => Err(broken("keys of data that are no text")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Front {
        tensors,
        data,
        end: bytes.len() - machine.input.len(),
    })
}

impl<'a> Machine<'a> {
    /// What one pickle gives; the input stands behind it then.
    fn next_pickle(&mut self) -> Result<Item, Refusal> {
        self.reset();
        self.run()
    }

    /// Nothing is known of earlier pickles any more, but for where data lie.
    fn reset(&mut self) {
        self.stack.clear();
        self.memo.clear();
    }

    /// The tensors of the dictionary that a pickle gives, by name.
    fn state_dict(&mut self, wrappers: &[&str]) -> Result<Vec<(String, Tensor)>, Refusal> {
        let Item::Dict(mut top) = self.run()? else {
            return Err(broken("it holds no dictionary of tensors"));
        };
        for wrapper in wrappers {
            let inner = self.dicts[top].iter().find_map(|(key, value)| match (key, value) {
                (Item::Text(key), Item::Dict(inner)) if &**key == *wrapper => Some(*inner),
                _ => None,
            });
            if let Some(inner) = inner {
                top = inner;
                break;
            }
        }
        let found: Vec<(String, Tensor)> = self.dicts[top]
            .iter()
            .filter_map(|(key, value)| match (key, value) {
                (Item::Text(key), Item::Tensor(t)) => Some((key.to_string(), self.tensors[*t].clone())),
                _ => None,
            })
            .collect();
        if found.is_empty() {
            return Err(broken("there is no tensor in it"));
        }
        Ok(found)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Refusal> {
        let (head, rest) = self
            .input
            .split_at_checked(n)
            .ok_or_else(|| broken("its pickle is truncated"))?;
        self.input = rest;
        Ok(head)
    }

    /// A little-endian number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, Refusal> {
        let raw = self.take(bytes)?;
        Ok(raw.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn text(&mut self, length: u64) -> Result<Rc<str>, Refusal> {
        let length = usize::try_from(length).map_err(|_| broken("a text longer than the file"))?;
        let raw = self.take(length)?;
        let text = std::str::from_utf8(raw).map_err(|_| broken("a name that is not text"))?;
        Ok(text.into())
    }

    fn line(&mut self) -> Result<String, Refusal> {
        let end = self
            .input
            .iter()
            .position(|b| *b == b'\n')
            .ok_or_else(|| broken("its pickle is truncated"))?;
        let line = self.text(end as u64)?.to_string();
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, item: Item) -> Result<(), Refusal> {
        if self.stack.len() == DEEPEST {
            return Err(broken("its pickle is too large"));
        }
        self.stack.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Item, Refusal> {
        match self.stack.pop() {
            Some(Item::Mark) | None => Err(broken("its pickle takes what it never gave")),
            Some(item) => Ok(item),
        }
    }

    /// All above the last mark.
    fn marked(&mut self) -> Result<Vec<Item>, Refusal> {
        let at = self
            .stack
            .iter()
            .rposition(|i| matches!(i, Item::Mark))
            .ok_or_else(|| broken("its pickle has lost a mark"))?;
        let items = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(items)
    }

    fn sequence(&mut self, items: Vec<Item>) -> Result<(), Refusal> {
        self.sequences.push(items);
        self.push(Item::Sequence(self.sequences.len() - 1))
    }

    fn dict(&mut self, pairs: Vec<(Item, Item)>) -> Result<(), Refusal> {
        self.dicts.push(pairs);
        self.push(Item::Dict(self.dicts.len() - 1))
    }

    fn extend_dict(&mut self, items: Vec<Item>) -> Result<(), Refusal> {
        let Some(Item::Dict(dict)) = self.stack.last() else {
            return Err(broken("its pickle fills what is no dictionary"));
        };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            self.dicts[*dict].push((key, value));
        }
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<Item>) -> Result<(), Refusal> {
        let Some(Item::Sequence(list)) = self.stack.last() else {
            return Err(broken("its pickle fills what is no list"));
        };
        self.sequences[*list].extend(items);
        Ok(())
    }

    fn run(&mut self) -> Result<Item, Refusal> {
        loop {
            let op = self.take(1)?[0];
            match op {
                // PROTO, FRAME
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.push(Item::Mark)?,
                b'0' => drop(self.stack.pop()),
                b'1' => drop(self.marked()?),
                b'2' => {
                    let top = self.stack.last().cloned().ok_or_else(|| broken("an empty stack"))?;
                    self.push(top)?;
                }
                b'N' => self.push(Item::Nothing)?,
                0x88 | 0x89 => self.push(Item::Bool(op == 0x88))?,
                b'K' => self.int(1)?,
                b'M' => self.int(2)?,
                b'J' => {
                    let n = self.number(4)? as u32 as i32;
                    self.push(Item::Int(i64::from(n)))?;
                }
                0x8a => {
                    let bytes = self.take(1)?[0];
                    if bytes > 8 {
                        return Err(broken("a number too large for any tensor"));
                    }
                    let n = self.number(usize::from(bytes))?;
                    // Two's complement of as many bytes as there were.
                    let unused = 64 - 8 * u32::from(bytes);
                    let n = if bytes == 0 { 0 } else { (n << unused) as i64 >> unused };
                    self.push(Item::Int(n))?;
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Item::Nothing)?;
                }
                b'X' => {
                    let length = self.number(4)?;
                    let text = self.text(length)?;
                    self.push(Item::Text(text))?;
                }
                0x8c => {
                    let length = self.number(1)?;
                    let text = self.text(length)?;
                    self.push(Item::Text(text))?;
                }
                // BINBYTES, SHORT_BINBYTES: nothing that a tensor is made of.
                b'B' => self.skip(4)?,
                b'C' => self.skip(1)?,
                b'}' => self.dict(Vec::new())?,
                b']' | b')' => self.sequence(Vec::new())?,
                b't' | b'l' => {
                    let items = self.marked()?;
                    self.sequence(items)?;
                }
                b'd' => {
                    let items = self.marked()?;
                    self.dict(Vec::new())?;
                    self.extend_dict(items)?;
                }
                0x85..=0x87 => {
                    let n = usize::from(op - 0x84);
                    let mut items = (0..n).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                    items.reverse();
                    self.sequence(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.extend_dict(vec![key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.extend_dict(items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(vec![item])?;
                }
                b'e' => {
                    let items = self.marked()?;
                    self.extend_list(items)?;
                }
                b'q' => self.remember(1)?,
                b'r' => self.remember(4)?,
                0x94 => {
                    let key = self.memo.len() as u64;
                    self.keep(key)?;
                }
                b'h' => self.recall(1)?,
                b'j' => self.recall(4)?,
                b'c' => {
                    let name = (self.line()?, self.line()?);
                    self.push(Item::Global(Rc::new(name)))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Item::Text(name), Item::Text(module)) = (name, module) else {
                        return Err(broken("an import that names nothing"));
                    };
                    self.push(Item::Global(Rc::new((module.to_string(), name.to_string()))))?;
                }
                b'R' => self.reduce()?,
                b'Q' => self.storage()?,
                // BUILD: the state of an ordered dictionary, its metadata.
                b'b' => {
                    self.pop()?;
                    if !matches!(self.stack.last(), Some(Item::Dict(_))) {
                        return Err(Refusal::Code("__setstate__ of an object".to_owned()));
                    }
                }
                0x81 | 0x92 | b'i' | b'o' => return Err(Refusal::Code("a constructor".to_owned())),
                other => return Err(broken(format!("its pickle has the operation {other:#04x}"))),
            }
        }
    }

    fn int(&mut self, bytes: usize) -> Result<(), Refusal> {
        let n = self.number(bytes)?;
        self.push(Item::Int(n as i64))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Refusal> {
        let length = self.number(bytes)?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.push(Item::Nothing)
    }

    fn keep(&mut self, key: u64) -> Result<(), Refusal> {
        let top = self.stack.last().cloned().ok_or_else(|| broken("an empty stack"))?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<(), Refusal> {
        let key = self.number(bytes)?;
        self.keep(key)
    }

    fn recall(&mut self, bytes: usize) -> Result<(), Refusal> {
        let key = self.number(bytes)?;
        let item = self.memo.get(&key).cloned();
        self.push(item.ok_or_else(|| broken("its pickle recalls what it never kept"))?)
    }

    fn items(&self, item: &Item) -> Result<Vec<Item>, Refusal> {
        match item {
            Item::Sequence(at) => Ok(self.sequences[*at].clone()),
            _ => Err(broken("arguments that are no tuple")),
        }
    }

    /// The few calls that stand for data.
    fn reduce(&mut self) -> Result<(), Refusal> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Item::Global(name) = callee else {
            return Err(Refusal::Code("something it made itself".to_owned()));
        };
        let arguments = self.items(&arguments)?;
        match (name.0.as_str(), name.1.as_str()) {
            ("collections", "OrderedDict") => {
                let mut pairs = Vec::new();
                if let Some(list @ Item::Sequence(_)) = arguments.first() {
                    for pair in self.items(list)? {
                        if let [key, value] = self.items(&pair)?.as_slice() {
                            pairs.push((key.clone(), value.clone()));
                        }
                    }
                }
                self.dict(pairs)
            }
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => self.tensor(&arguments),
            ("torch._utils", "_rebuild_parameter") => {
                let data = arguments.into_iter().next();
                self.push(data.ok_or_else(|| broken("a parameter without data"))?)
            }
            ("torch", "Size") => {
                let size = arguments.into_iter().next();
                self.push(size.ok_or_else(|| broken("a size of nothing"))?)
            }
            ("torch", "device") => self.push(Item::Nothing),
            (module, name) => Err(Refusal::Code(format!("{module}.{name}"))),
        }
    }

    fn numbers(&self, item: &Item) -> Result<Vec<usize>, Refusal> {
        self.items(item)?
            .iter()
            .map(|i| match i {
                Item::Int(n) => usize::try_from(*n).map_err(|_| broken("a negative length")),
                _ => Err(broken("a length that is no number")),
            })
            .collect()
    }

    fn tensor(&mut self, arguments: &[Item]) -> Result<(), Refusal> {
        let [Item::Storage(storage), Item::Int(start), shape, strides, ..] = arguments else {
            return Err(broken("a tensor without its data"));
        };
        let (shape, strides) = (self.numbers(shape)?, self.numbers(strides)?);
        let axes = lie(&shape, &strides).ok_or_else(|| broken("a tensor with gaps in it: save a copy of it"))?;
        let (storage, element) = self.storages[*storage].clone();
        self.tensors.push(Tensor {
            storage,
            element,
            start: usize::try_from(*start).map_err(|_| broken("a negative offset"))?,
            shape,
            axes,
        });
        self.push(Item::Tensor(self.tensors.len() - 1))
    }

    /// BINPERSID: ('storage', type, key, place, elements), and before PyTorch 1.6 what it is a part of, if anything.
    fn storage(&mut self) -> Result<(), Refusal> {
        let id = self.pop()?;
        let items = self.items(&id)?;
        let [Item::Text(kind), Item::Global(class), Item::Text(key), _, _, rest @ ..] = items.as_slice() else {
            return Err(broken("data of a kind that is not known"));
        };
        if !matches!(rest, [] | [Item::Nothing]) {
            return Err(broken("data that are a part of other data: save a copy of them"));
        }
        if &**kind != "storage" || class.0 != "torch" {
            return Err(broken("data of a kind that is not known"));
        }
        let element = match class.1.as_str() {
            "FloatStorage" => Element::F32,
            "HalfStorage" => Element::F16,
            "BFloat16Storage" => Element::Bf16,
            "DoubleStorage" => Element::F64,
            "LongStorage" => Element::I64,
            "IntStorage" => Element::I32,
            "ByteStorage" | "BoolStorage" => Element::U8,
            other => return Err(broken(format!("numbers of the kind {other}"))),
        };
        self.storages.push((key.to_string(), element));
        self.push(Item::Storage(self.storages.len() - 1))
    }
}

#[cfg(test)]
pub(in crate::checkpoint) mod tests;
