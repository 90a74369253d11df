//! What the forms ask: every option a person may set, as a field with its words, its value and what was wrong with it.

use super::words::Words;
use crate::api::problem::Problem;
use crate::engines::Engines;
use crate::job::{CONTAINERS, Options};

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A line of words, a number, a list: the studio reads it.
    Line,
    /// A whole number, or one in steps, between two.
    Count(&'static str, &'static str, &'static str),
    /// A share, 0 to 1.
    Share,
    /// One of several.
    Choice,
    /// Yes or no.
    Tick,
}

/// One of several.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// An option of the brief as a form asks for it.
#[derive(Debug)]
pub(super) struct Field {
    /// The option's long name.
    pub(super) name: &'static str,
    pub(super) way: Way,
    pub(super) label: String,
    /// Empty where the label says it all.
    pub(super) help: String,
    pub(super) example: String,
    pub(super) value: String,
    /// The value where nothing is said.
    usual: String,
    pub(super) picks: Vec<Pick>,
    pub(super) wide: bool,
    /// What was wrong with it; empty where nothing was.
    pub(super) wrong: String,
    /// Whether that is told in the studio's own words, which are English.
    pub(super) english: bool,
}

impl Field {
    pub(super) fn is(&self, way: &str) -> bool {
        match self.way {
            Way::Line => way == "line",
            Way::Count(..) => way == "count",
            Way::Share => way == "share",
            Way::Choice => way == "choice",
            Way::Tick => way == "tick",
        }
    }

    pub(super) fn bounds(&self) -> (&'static str, &'static str, &'static str) {
        match self.way {
            Way::Count(low, high, step) => (low, high, step),
            _ => ("0", "1", "0.05"),
        }
    }

    /// The ids of what says more about it.
    pub(super) fn described(&self) -> String {
        let mut ids = Vec::new();
        if !self.help.is_empty() {
            ids.push(format!("{}-help", self.name));
        }
        if !self.wrong.is_empty() {
            ids.push(format!("{}-wrong", self.name));
        }
        ids.join(" ")
    }
}

/// Fields under one heading.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) label: String,
    pub(super) fields: Vec<Field>,
}

/// The fields of a form: those that most people want, and the rest behind one more step.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) plain: Vec<Field>,
    pub(super) more: Vec<Group>,
    /// Whether the rest is shown at once: something there was set, or was wrong.
    pub(super) open: bool,
}

impl Fields {
    fn all(&self) -> impl Iterator<Item = &Field> {
        self.plain
            .iter()
            .chain(self.more.iter().flat_map(|group| group.fields.iter()))
    }

    /// The field that something was wrong with.
    pub(super) fn wrong(&self) -> Option<&Field> {
        self.all().find(|field| !field.wrong.is_empty())
    }
}

/// What a form is filled in with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled<'a> {
    pub(super) t: &'a Words,
    pub(super) options: Option<&'a Options>,
    pub(super) problem: Option<&'a Problem>,
    pub(super) engines: &'a Engines,
}

impl<'a> Filled<'a> {
    /// The words of an option: `music-volume` → `option.music_volume`.
    fn key(name: &str) -> String {
        format!("option.{}", name.replace('-', "_"))
    }

    fn value(&self, name: &str) -> Option<String> {
        let values = self.options?.get(name)?;
        Some(match name {
            "hit" | "weights" => values.join(", "),
            _ => values.last().cloned().unwrap_or_default(),
        })
    }

    fn field(&self, name: &'static str, way: Way, usual: &str) -> Field {
        let key = Self::key(name);
        let of = |part: &str| self.t.maybe(&format!("{key}.{part}")).to_owned();
        let problem = self.problem.filter(|problem| problem.about() == Some(name));
        let own = problem.map_or_else(String::new, |problem| beside(problem.detail(), name));
        let ours = self.told(&own, name);
        Field {
            name,
            way,
            label: self.t.get(&key).to_owned(),
            help: of("help"),
            example: of("example"),
            value: self.value(name).unwrap_or_else(|| usual.to_owned()),
            usual: usual.to_owned(),
            picks: Vec::new(),
            wide: false,
            english: ours.is_none(),
            wrong: ours.unwrap_or(own),
        }
    }

    /// What is wrong with an option in the page's words, where it has any.
    fn told(&self, own: &str, name: &str) -> Option<String> {
        let words = self.t.maybe(&format!("{}.wrong", Self::key(name)));
        let said = said(own).filter(|_| !words.is_empty())?;
        Some(words.replace("{said}", said))
    }

    fn wide(&self, name: &'static str) -> Field {
        let field = self.field(name, Way::Line, "");
        Field { wide: true, ..field }
    }

    /// One of `values`, each with words of its own, the first where nothing is said.
    fn choice(&self, name: &'static str, values: &[(&str, String)]) -> Field {
        let usual = values.first().map_or("", |(value, _)| value);
        let mut field = self.field(name, Way::Choice, usual);
        field.picks = values
            .iter()
            .map(|(value, label)| Pick {
                value: (*value).to_owned(),
                label: label.clone(),
                chosen: *value == field.value,
            })
            .collect();
        field
    }

    /// One of the words `option.NAME.VALUE`.
    fn words(&self, name: &'static str, values: &[&'static str]) -> Field {
        let key = Self::key(name);
        let labelled: Vec<(&str, String)> = values
            .iter()
            .map(|value| {
                (
                    *value,
                    self.t.get(&format!("{key}.{}", value.replace('-', "_"))).to_owned(),
                )
            })
            .collect();
        self.choice(name, &labelled)
    }

    /// One of the engines that could work here; `None` where there is no choice.
    fn engine(&self, name: &'static str) -> Option<Field> {
        let engines = self.engines.get(name)?;
        // `auto` and `none` alone are no choice: either way nobody is there.
        let least = if engines.contains(&"auto") { 2 } else { 1 };
        (engines.len() > least).then(|| self.words(name, engines))
    }

    fn style(&self) -> Field {
        let mut styles = vec![("auto", self.t.get("option.style.auto").to_owned())];
        let known = synchresis_studio::styles();
        styles.extend(known.iter().map(|style| {
            let label = self.t.get(&format!("style.{}", style.name)).to_owned();
            (style.name.as_str(), label)
        }));
        self.choice("style", &styles)
    }

    fn group(&self, key: &str, fields: Vec<Option<Field>>) -> Group {
        Group {
            label: self.t.get(key).to_owned(),
            fields: fields.into_iter().flatten().collect(),
        }
    }

    fn fields(&self, plain: Vec<Option<Field>>, more: Vec<Group>) -> Fields {
        let touched = |field: &Field| !field.wrong.is_empty() || field.value != field.usual;
        Fields {
            plain: plain.into_iter().flatten().collect(),
            open: more.iter().flat_map(|group| group.fields.iter()).any(touched),
            more: more.into_iter().filter(|group| !group.fields.is_empty()).collect(),
        }
    }

    /// Of a score; `still` where a picture is asked about rather than a clip, `frame` where the form has words of its own for
    /// what is seen.
    pub(super) fn score(&self, still: bool) -> Fields {
        let draws = |name: &str| {
            let engines = self.engines.get(name);
            engines.is_some_and(|engines| engines.iter().any(|engine| engine.starts_with("audioldm")))
        };
        let drawn = draws("music") || draws("sounds");
        let describes = self.engines.get("describe").is_some_and(|engines| engines.len() > 2);
        let plain = vec![
            Some(self.wide("mood")),
            Some(self.style()),
            Some(self.field("seed", Way::Count("0", "", "1"), "0")),
            Some(self.field("takes", Way::Count("1", "8", "1"), "1")),
            self.engine("sounds"),
            Some(self.field("music-volume", Way::Share, "1")),
            Some(self.field("sounds-volume", Way::Share, "1")),
            still.then(|| self.field("duration", Way::Line, "12")),
            still.then(|| self.field("drift", Way::Tick, "false")),
            (!still).then(|| self.words("original", &["auto", "keep", "duck", "drop"])),
        ];
        let music = vec![
            self.engine("music"),
            Some(self.words("soundbank", &["auto", "none"])),
            Some(self.field("hit", Way::Line, "")),
            Some(self.field("negative-prompt", Way::Line, "")),
            drawn.then(|| self.field("steps", Way::Line, "")),
            drawn.then(|| self.field("guidance", Way::Line, "")),
        ];
        let looks = !still
            && ["describe", "objects", "scene", "features"]
                .iter()
                .any(|name| self.engine(name).is_some());
        // Of a picture there is one frame: nothing to choose among.
        let eyes = vec![
            self.engine("describe"),
            describes.then(|| self.field("question", Way::Line, "")),
            self.engine("scene"),
            self.engine("objects"),
            self.engine("features").filter(|_| !still),
            looks.then(|| self.field("moments", Way::Line, "")),
        ];
        let containers: Vec<(&str, String)> = CONTAINERS.iter().map(|name| (*name, name.to_uppercase())).collect();
        let out = vec![
            Some(self.field("loudness", Way::Line, "-14")),
            Some(self.choice("container", &containers)),
        ];
        self.fields(
            plain,
            vec![
                self.group("more.music", music),
                self.group("more.eyes", eyes),
                self.group("more.out", out),
            ],
        )
    }

    /// Of a film of a song.
    pub(super) fn film(&self) -> Fields {
        let painted = self.engines.get("painter").is_some_and(|engines| engines.len() > 1);
        let sizes = [
            ("1:1", "square"),
            ("16:9", "wide"),
            ("9:16", "tall"),
            ("4:5", "portrait"),
        ]
        .map(|(value, name)| (value, self.t.get(&format!("option.size.{name}")).to_owned()));
        let plain = vec![
            Some(self.words("pace", &["energy", "linear", "constant"])),
            Some(self.choice("size", &sizes)),
            Some(self.field("section-seconds", Way::Line, "10")),
            Some(Field {
                help: self.t.get("option.seed.film").to_owned(),
                ..self.field("seed", Way::Count("0", "", "1"), "0")
            }),
        ];
        let pictures = vec![
            self.engine("painter"),
            self.engine("caption").filter(|_| painted),
            painted.then(|| self.field("weights", Way::Line, "")),
            painted.then(|| self.field("negative-prompt", Way::Line, "")),
            painted.then(|| self.field("steps", Way::Line, "")),
            painted.then(|| self.field("prior-steps", Way::Line, "")),
            painted.then(|| self.field("guidance", Way::Line, "")),
        ];
        let pulse = vec![
            self.engine("transition"),
            Some(self.field("percussive", Way::Line, "0.8")),
            Some(self.field("harmonic", Way::Line, "0.2")),
            Some(self.field("fps", Way::Line, "30")),
        ];
        self.fields(
            plain,
            vec![self.group("more.pictures", pictures), self.group("more.pulse", pulse)],
        )
    }
}

/// What is wrong, without the name of the option it stands beside.
fn beside(detail: &str, name: &str) -> String {
    let rest = detail
        .strip_prefix(&format!("--{name}"))
        .or_else(|| detail.strip_prefix(name))
        .unwrap_or(detail);
    rest.trim_start_matches([':', ' ']).to_owned()
}

/// What a sentence of the studio's quotes, with its marks.
fn said(sentence: &str) -> Option<&str> {
    let from = sentence.find('"')?;
    let rest = sentence.get(from + 1..)?;
    let mut escaped = false;
    let end = rest.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    sentence.get(from..from + end + 2)
}

#[cfg(test)]
mod tests {
    use super::super::words::spoken;
    use super::*;
    use axum::http::StatusCode;
    use synchresis_studio::options::ENGINES;
    use synchresis_studio::{Brief, FilmBrief};

    fn every() -> Engines {
        ENGINES
            .iter()
            .map(|(name, engines)| (*name, engines.to_vec()))
            .collect()
    }

    fn each(t: &Words, engines: &Engines) -> Vec<Fields> {
        let filled = Filled {
            t,
            options: None,
            problem: None,
            engines,
        };
        vec![filled.score(false), filled.score(true), filled.film()]
    }

    #[test]
    fn a_field_or_a_choice_has_no_words() {
        let engines = every();
        for lang in ["en", "it"] {
            let t = spoken(lang).expect("a language");
            for fields in each(t, &engines) {
                for group in &fields.more {
                    assert!(!group.label.contains('.'), "{lang}: {}", group.label);
                }
                for field in fields.all() {
                    for label in field.picks.iter().map(|pick| &pick.label).chain([&field.label]) {
                        assert!(
                            !label.starts_with("option.") && !label.starts_with("style."),
                            "{lang}: {label}"
                        );
                    }
                }
            }
            for look in synchresis_studio::Look::ALL {
                assert_ne!(t.get(&format!("look.{}", look.name())), format!("look.{}", look.name()));
            }
        }
    }

    #[test]
    fn a_choice_or_a_usual_value_is_refused_by_the_studio() {
        let engines = every();
        let t = spoken("en").expect("English");
        let forms = each(t, &engines);
        for (form, fields) in forms.iter().enumerate() {
            for field in fields.all().filter(|field| field.name != "container") {
                let values: Vec<&str> = match field.picks.as_slice() {
                    [] if field.value.is_empty() => continue,
                    [] => vec![field.value.as_str()],
                    picks => picks.iter().map(|pick| pick.value.as_str()).collect(),
                };
                for value in values {
                    let taken = if form == 2 {
                        FilmBrief::default().set(field.name, &[value])
                    } else {
                        Brief::default().set(field.name, &[value])
                    };
                    assert!(taken.is_ok(), "{} {value}: {taken:?}", field.name);
                }
            }
        }
    }

    #[test]
    fn the_page_has_other_words_for_what_is_wrong_than_the_command() {
        let engines = every();
        for lang in ["en", "it"] {
            let t = spoken(lang).expect("a language");
            let mut told = 0;
            for (form, fields) in each(t, &engines).iter().enumerate() {
                for field in fields
                    .all()
                    .filter(|field| matches!(field.way, Way::Line | Way::Count(..)))
                {
                    let mut brief = (Brief::default(), FilmBrief::default());
                    let taken = match form {
                        2 => brief.1.set(field.name, &["q\"x"]),
                        _ => brief.0.set(field.name, &["q\"x"]),
                    };
                    let Err(error) = taken else { continue };
                    let filled = Filled {
                        t,
                        options: None,
                        problem: None,
                        engines: &engines,
                    };
                    let own = beside(error.to_string().lines().next().unwrap_or_default(), field.name);
                    let words = filled.told(&own, field.name).expect("words");
                    assert!(words.contains(r#""q\"x""#), "{lang}, {}: {words}", field.name);
                    // Films and tunes are told of these two in slightly other words.
                    if !["steps", "guidance"].contains(&field.name) {
                        assert_eq!(words == own, lang == "en", "{}: {words} / {own}", field.name);
                    }
                    told += 1;
                }
            }
            assert!(told > 15, "{told}");
        }
    }

    #[test]
    fn an_option_of_the_command_has_no_field() {
        let engines = every();
        let t = spoken("en").expect("English");
        let forms = each(t, &engines);
        let has = |forms: &[&Fields], name: &str| forms.iter().any(|form| form.all().any(|field| field.name == name));
        // What is chosen by hand elsewhere on the page, or is a file of the server.
        let elsewhere = ["frame", "prompt", "keep-sections", "look", "genres"];
        for name in Brief::OPTIONS.iter().filter(|name| !elsewhere.contains(name)) {
            assert!(has(&[&forms[0], &forms[1]], name), "score: {name}");
        }
        for name in FilmBrief::OPTIONS.iter().filter(|name| !elsewhere.contains(name)) {
            assert!(has(&[&forms[2]], name), "film: {name}");
        }
    }

    #[test]
    fn what_is_wrong_does_not_stand_beside_its_field() {
        let engines = Engines::new();
        let options = Options::from([("loudness".to_owned(), vec!["loud".to_owned()])]);
        let problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "--loudness: \"loud\" is not a loudness",
        )
        .field("loudness");
        let fields = Filled {
            t: spoken("en").expect("English"),
            options: Some(&options),
            problem: Some(&problem),
            engines: &engines,
        }
        .score(false);
        assert!(fields.open);
        assert_eq!(fields.wrong().map(|field| field.name), Some("loudness"));
        let field = fields.all().find(|field| field.name == "loudness").expect("there");
        assert_eq!(
            (field.value.as_str(), field.wrong.as_str()),
            ("loud", "\"loud\" is not a loudness from -40 to -5 LUFS")
        );
        assert_eq!(field.described(), "loudness-help loudness-wrong");
    }
}
