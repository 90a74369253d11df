//! The flags of a brief, shared by `score` and the stages.

use synchresis_studio::{Brief, StudioError};

/// What the film should sound like. A flag left out keeps what the document of an earlier run says.
#[derive(Debug, clap::Args)]
pub(crate) struct BriefArgs {
    /// Free words: "calm rainy evening, solo piano".
    #[arg(long, value_name = "TEXT", help_heading = "Music")]
    mood: Option<String>,
    /// One of `synchresis styles`, or a style's file; chosen from what is seen by default.
    #[arg(long, value_name = "NAME", help_heading = "Music")]
    style: Option<String>,
    /// Same brief and seed: the same bytes. Another seed: another tune.
    #[arg(long, value_name = "N", value_parser = reads("seed"), help_heading = "Music")]
    seed: Option<String>,
    /// Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all.
    #[arg(long, value_name = "N", value_parser = reads("takes"), help_heading = "Music")]
    takes: Option<String>,
    /// Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none.
    #[arg(long, value_name = "ENGINE", help_heading = "Music")]
    music: Option<String>,
    /// A moment the music must land on, seconds or m:ss.mmm; can be given more than once.
    #[arg(long = "hit", value_name = "TIME", value_parser = reads("hit"), help_heading = "Music")]
    hits: Vec<String>,
    /// Sections of the document's take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = reads("keep-sections"), help_heading = "Music")]
    keep_sections: Vec<String>,
    /// An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices).
    #[arg(long, value_name = "FILE", help_heading = "Music")]
    soundbank: Option<String>,
    /// Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or
    /// audioldm2=DIR.
    #[arg(long, value_name = "ENGINE", help_heading = "Effects")]
    sounds: Option<String>,
    /// Who recognises objects: auto, none, yolov9 or yolov9=FILE.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    objects: Option<String>,
    /// What frames are compared by: built-in, resnet18 or resnet18=DIR.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    features: Option<String>,
    /// How many most telling frames to name.
    #[arg(long, value_name = "N", value_parser = reads("moments"), help_heading = "Picture")]
    moments: Option<String>,
    /// Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    scene: Option<String>,
    /// Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate.
    #[arg(long, value_name = "ENGINE", help_heading = "Picture")]
    describe: Option<String>,
    /// What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music).
    #[arg(long, value_name = "TEXT", help_heading = "Picture")]
    question: Option<String>,
    /// The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s.
    #[arg(long, value_name = "WHICH", value_parser = reads("frame"), help_heading = "Picture")]
    frame: Option<String>,
    /// How long a still picture is shown, seconds or m:ss.
    #[arg(long, value_name = "TIME", value_parser = reads("duration"), help_heading = "Picture")]
    duration: Option<String>,
    /// Move slowly over a still picture.
    #[arg(long, help_heading = "Picture")]
    drift: bool,
    /// Words for a generating engine, in place of the combined ones.
    #[arg(long, value_name = "TEXT", help_heading = "Generating engines")]
    prompt: Option<String>,
    /// What a generating engine should avoid.
    #[arg(long, value_name = "TEXT", help_heading = "Generating engines")]
    negative_prompt: Option<String>,
    /// Steps that a generating engine takes; 75 by default.
    #[arg(long, value_name = "N", value_parser = reads("steps"), help_heading = "Generating engines")]
    steps: Option<String>,
    /// How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default.
    #[arg(long, value_name = "F", value_parser = reads("guidance"), help_heading = "Generating engines")]
    guidance: Option<String>,
    /// Linear gain of the music, 0 to 1.
    #[arg(long, value_name = "F", value_parser = reads("music-volume"), help_heading = "Mix")]
    music_volume: Option<String>,
    /// Linear gain of the effects, 0 to 1.
    #[arg(long, value_name = "F", value_parser = reads("sounds-volume"), help_heading = "Mix")]
    sounds_volume: Option<String>,
    /// What becomes of the clip's own sound; duck by default.
    #[arg(long, value_name = "WHAT", value_parser = ["keep", "duck", "drop"], help_heading = "Mix")]
    original: Option<String>,
    /// Integrated loudness of the film, LUFS; −14 by default.
    #[arg(long, value_name = "LUFS", value_parser = reads("loudness"), allow_negative_numbers = true, help_heading = "Mix")]
    loudness: Option<String>,
}

impl BriefArgs {
    /// `base` with every flag that was given.
    pub(crate) fn over(&self, base: Brief) -> Result<Brief, StudioError> {
        let mut brief = base;
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let drift = if self.drift {
            vec!["true".to_owned()]
        } else {
            Vec::new()
        };
        let given = [
            ("mood", one(&self.mood)),
            ("style", one(&self.style)),
            ("seed", one(&self.seed)),
            ("takes", one(&self.takes)),
            ("music", one(&self.music)),
            ("sounds", one(&self.sounds)),
            ("objects", one(&self.objects)),
            ("features", one(&self.features)),
            ("moments", one(&self.moments)),
            ("scene", one(&self.scene)),
            ("describe", one(&self.describe)),
            ("question", one(&self.question)),
            ("hit", self.hits.clone()),
            ("keep-sections", self.keep_sections.clone()),
            ("soundbank", one(&self.soundbank)),
            ("frame", one(&self.frame)),
            ("duration", one(&self.duration)),
            ("drift", drift),
            ("prompt", one(&self.prompt)),
            ("negative-prompt", one(&self.negative_prompt)),
            ("steps", one(&self.steps)),
            ("guidance", one(&self.guidance)),
            ("music-volume", one(&self.music_volume)),
            ("sounds-volume", one(&self.sounds_volume)),
            ("original", one(&self.original)),
            ("loudness", one(&self.loudness)),
        ];
        for (name, values) in given.iter().filter(|(_, values)| !values.is_empty()) {
            brief.set(name, values)?;
        }
        Ok(brief)
    }
}

/// Whether the studio reads the value of this option; the text itself stays for the brief.
fn reads(name: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| match Brief::default().set(name, &[text]) {
        Ok(()) => Ok(text.to_owned()),
        Err(StudioError::Option { why, .. }) => Err(why),
        Err(other) => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    #[test]
    fn an_option_of_the_brief_has_no_flag_or_a_flag_is_dropped() {
        let mut command = BriefArgs::augment_args(clap::Command::new("brief"));
        command.build();
        let flags: Vec<&str> = command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .filter(|long| *long != "help")
            .collect();
        for name in Brief::OPTIONS {
            assert!(flags.contains(name), "{name} has no flag");
        }
        for flag in flags {
            assert!(Brief::OPTIONS.contains(&flag), "--{flag} does not reach the brief");
        }
        let matches = command
            .try_get_matches_from(["brief", "--hit", "1", "--hit", "1:02", "--drift", "--takes", "3"])
            .expect("reads");
        let brief = BriefArgs::from_arg_matches(&matches)
            .expect("fits")
            .over(Brief::default())
            .expect("is a brief");
        assert_eq!((brief.hits, brief.drift, brief.takes), (vec![1.0, 62.0], true, 3));
    }
}
