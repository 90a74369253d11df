//! LLaVA-13B and AudioLDM at Replicate, called as Audiv calls them: a prediction is made, looked at until it is done, and cancelled with the person.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::ModelError;
use crate::http::{Client, Patience};
use crate::openai::picture;

const DOING: &str = "asking LLaVA at Replicate";
const SOUNDING: &str = "asking AudioLDM at Replicate";

/// The base of its API.
pub const BASE: &str = "https://api.replicate.com/v1";
/// The name that its key has in the environment.
pub const KEY: &str = "REPLICATE_API_TOKEN";
/// The model and version that Audiv asks: `yorickvp/llava-13b`.
pub const LLAVA: &str = "80537f9eead1a5bfa72d5ac6ea6414379be41d4d4f6679fd776e9535d1eb58bb";
/// The model and version that Audiv has its sounds from: `haoheliu/audio-ldm`.
pub const AUDIOLDM: &str = "b61392adecdd660326fc9cfc5398182437dbe5e97b5decfb36e1a36de68b5b95";
/// What Audiv asks LLaVA.
pub const QUESTION: &str = "Describe a fitting Background Music with less than 30 words. It must give an answer to the following 3 points: atmosphere, rhythm, melody";

/// How often a prediction is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where Replicate is, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// [`BASE`], or another for tests and proxies.
    pub base: &'a str,
    /// The token.
    pub token: &'a str,
}

/// Asks `question` about the picture in `jpeg`; `tell` hears the words as they come.
///
/// # Errors
/// [`ModelError::Endpoint`] where it is down, slow, refuses, fails or answers nonsense, [`ModelError::Cancelled`].
pub fn describe(
    account: Account<'_>,
    jpeg: &[u8],
    question: &str,
    patience: Patience,
    tell: &mut dyn FnMut(&str),
    cancelled: &dyn Fn() -> bool,
) -> Result<String, ModelError> {
    let input = json!({
        "image": picture(jpeg),
        "top_p": 1,
        "prompt": question,
        "max_tokens": 1024,
        "temperature": 0.2,
    });
    let mut told = String::new();
    let output = predict(account, DOING, LLAVA, &input, patience, cancelled, &mut |output| {
        let text = words(output);
        if let Some(more) = text.strip_prefix(told.as_str())
            && !more.is_empty()
        {
            tell(more);
            told = text;
        }
    })?;
    let text = words(&output.value).trim().to_owned();
    if text.is_empty() {
        return Err(output.nonsense);
    }
    Ok(text)
}

/// What AudioLDM is asked for.
#[derive(Debug, Clone, Copy)]
pub struct SoundWish<'a> {
    /// In words.
    pub prompt: &'a str,
    /// At least so many seconds, as far as it goes: it makes 2.5 to 20, in steps of 2.5.
    pub seconds: f64,
    /// How many it draws to choose the best; Audiv has 3.
    pub candidates: u32,
    /// How much the prompt counts; Audiv has 2.5.
    pub guidance: f64,
}

impl SoundWish<'_> {
    /// The length that it will have, seconds.
    pub fn length(&self) -> f64 {
        let steps = (self.seconds / 2.5).ceil();
        // What is no number is short.
        if steps > 1.0 { steps.min(8.0) * 2.5 } else { 2.5 }
    }
}

/// A sound of words, as the file that AudioLDM makes of it (a WAV).
///
/// # Errors
/// As for [`describe`].
pub fn sound(
    account: Account<'_>,
    wish: SoundWish<'_>,
    patience: Patience,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, ModelError> {
    let input = json!({
        "text": wish.prompt,
        "duration": format!("{:.1}", wish.length()),
        "n_candidates": wish.candidates,
        "guidance_scale": wish.guidance,
    });
    let output = predict(account, SOUNDING, AUDIOLDM, &input, patience, cancelled, &mut |_| ())?;
    let place = match &output.value {
        Value::Array(all) => all.first().and_then(Value::as_str),
        one => one.as_str(),
    };
    let Some(place) = place.filter(|p| p.starts_with("https://") || p.starts_with("http://")) else {
        return Err(output.nonsense);
    };
    // It lies elsewhere, where the key has no business.
    let client = Client {
        doing: "fetching the sound of AudioLDM from Replicate",
        key: None,
        patience,
        cancelled,
    };
    let bytes = client.bytes(place)?;
    if bytes.is_empty() {
        return Err(output.nonsense);
    }
    Ok(bytes)
}

/// An output, and what to say where it is none that can be used.
pub(crate) struct Output {
    pub(crate) value: Value,
    pub(crate) nonsense: ModelError,
}

/// Runs `version` on `input` and waits for what comes out; `look` sees the output as it grows.
pub(crate) fn predict(
    account: Account<'_>,
    doing: &'static str,
    version: &str,
    input: &Value,
    patience: Patience,
    cancelled: &dyn Fn() -> bool,
    look: &mut dyn FnMut(&Value),
) -> Result<Output, ModelError> {
    let client = Client {
        doing,
        key: Some(account.token.to_owned()),
        patience,
        cancelled,
    };
    let base = account.base.trim_end_matches('/');
    let url = format!("{base}/predictions");
    let mut prediction = client.json(&url, Some(&json!({"version": version, "input": input})))?;
    let id = prediction
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(client.nonsense(&url, &prediction.to_string()));
    }
    let place = format!("{url}/{id}");
    loop {
        let status = prediction
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if let Some(output) = prediction.get("output").filter(|output| !output.is_null()) {
            look(output);
        }
        match status.as_str() {
            "starting" | "processing" | "queued" => {}
            "succeeded" => {
                let nonsense = client.nonsense(&place, &prediction.to_string());
                let value = prediction.get("output").cloned().unwrap_or(Value::Null);
                return Ok(Output { value, nonsense });
            }
            "failed" => {
                let why = prediction
                    .get("error")
                    .and_then(Value::as_str)
                    .unwrap_or("it does not say why");
                return Err(client.failed(
                    &place,
                    format!("the prediction failed: {why}"),
                    "try again; its log is on Replicate's page",
                ));
            }
            "canceled" | "aborted" => {
                return Err(client.failed(&place, "somebody cancelled the prediction".to_owned(), "try again"));
            }
            _ => return Err(client.nonsense(&place, &prediction.to_string())),
        }
        let looked = client
            .pause(LOOK.min(patience.answer))
            .and_then(|()| client.json(&place, None));
        prediction = match looked {
            Err(stopped @ ModelError::Cancelled(_)) => {
                // So that nobody pays for what nobody waits for. Whether it helped, nobody can do anything about.
                let last = Client {
                    doing,
                    key: Some(account.token.to_owned()),
                    patience: Patience {
                        answer: patience.answer.min(Duration::from_secs(5)),
                        tries: 1,
                        ..patience
                    },
                    cancelled: &|| false,
                };
                let _ = last.json(&format!("{place}/cancel"), Some(&json!({})));
                return Err(stopped);
            }
            looked => looked?,
        };
    }
}

/// A text, or its parts one after the other.
fn words(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Instant;

    use super::*;
    use crate::http::mock::{Mock, hasty, nobody, says};

    fn asked(base: &str, tell: &mut dyn FnMut(&str), cancelled: &dyn Fn() -> bool) -> Result<String, ModelError> {
        let account = Account {
            base,
            token: "r8_secret",
        };
        describe(account, b"jpeg", QUESTION, hasty(), tell, cancelled)
    }

    #[test]
    fn a_prediction_is_made_or_followed_otherwise_than_audiv_does() {
        let mock = Mock::new(|n, _| match n {
            0 => says(201, r#"{"id": "ab12", "status": "starting", "output": null}"#),
            1 => says(200, r#"{"id": "ab12", "status": "processing", "output": ["Calm, "]}"#),
            _ => says(
                200,
                r#"{"id": "ab12", "status": "succeeded", "output": ["Calm, ", "slow", " piano."]}"#,
            ),
        });
        let mut told = Vec::new();
        let answer = asked(&mock.url, &mut |words| told.push(words.to_owned()), &|| false).expect("answers");
        assert_eq!(answer, "Calm, slow piano.");
        assert_eq!(told, ["Calm, ", "slow piano."]);
        let all = mock.asked();
        assert!(all[0].line.starts_with("POST /predictions ") && all[1].line.starts_with("GET /predictions/ab12 "));
        assert!(
            all.iter()
                .all(|a| a.headers.to_lowercase().contains("authorization: bearer r8_secret"))
        );
        let body: Value = serde_json::from_str(&all[0].body).expect("JSON");
        assert_eq!(body["version"], LLAVA);
        let input = json!({"image": "data:image/jpeg;base64,anBlZw==", "top_p": 1, "prompt": QUESTION, "max_tokens": 1024,
            "temperature": 0.2});
        assert_eq!(body["input"], input);
    }

    fn sounded(base: &str) -> Result<Vec<u8>, ModelError> {
        let account = Account {
            base,
            token: "r8_secret",
        };
        let wish = SoundWish {
            prompt: "calm piano",
            seconds: 4.2,
            candidates: 3,
            guidance: 2.5,
        };
        sound(account, wish, hasty(), &|| false)
    }

    #[test]
    fn a_sound_is_asked_for_otherwise_than_audiv_does_or_the_key_goes_to_others() {
        let files = Mock::new(|_, _| says(200, "RIFF and so on"));
        let output = format!("{}/files/out.wav", files.url);
        let mock = Mock::new(move |n, _| match n {
            0 => says(201, r#"{"id": "ab12", "status": "starting", "output": null}"#),
            _ => says(
                200,
                &format!(r#"{{"id": "ab12", "status": "succeeded", "output": "{output}"}}"#),
            ),
        });
        assert_eq!(sounded(&mock.url).expect("sounds"), b"RIFF and so on");
        let body: Value = serde_json::from_str(&mock.asked()[0].body).expect("JSON");
        assert_eq!(body["version"], AUDIOLDM);
        let input = json!({"text": "calm piano", "duration": "5.0", "n_candidates": 3, "guidance_scale": 2.5});
        assert_eq!(body["input"], input);
        let fetched = files.asked();
        assert!(
            fetched[0].line.starts_with("GET /files/out.wav "),
            "{}",
            fetched[0].line
        );
        assert!(!fetched[0].headers.contains("r8_secret"));
    }

    #[test]
    fn a_sound_that_is_none_or_gone_is_taken() {
        for output in ["null", "7", "[]", r#""file:///etc/passwd""#, r#"["ftp://x/y"]"#] {
            let answer = format!(r#"{{"id": "a", "status": "succeeded", "output": {output}}}"#);
            let mock = Mock::new(move |_, _| says(201, &answer));
            let told = sounded(&mock.url).expect_err("fails").to_string();
            assert!(told.contains("something else") && told.contains("hint:"), "{told}");
        }
        let gone = Mock::new(|_, _| says(404, "gone"));
        let output = format!("{}/out.wav", gone.url);
        let mock = Mock::new(move |_, _| {
            says(
                201,
                &format!(r#"{{"id": "a", "status": "succeeded", "output": "{output}"}}"#),
            )
        });
        let told = sounded(&mock.url).expect_err("fails").to_string();
        assert!(told.contains("fetching the sound") && told.contains("404"), "{told}");
        for (seconds, length) in [(0.1, 2.5), (5.0, 5.0), (5.1, 7.5), (60.0, 20.0), (f64::NAN, 2.5)] {
            let wish = SoundWish {
                prompt: "",
                seconds,
                candidates: 1,
                guidance: 1.0,
            };
            assert_eq!(wish.length(), length);
        }
    }

    #[test]
    fn a_prediction_goes_on_after_ctrl_c() {
        let mock = Mock::new(|_, asked| {
            let status = if asked.line.contains("/cancel ") {
                "canceled"
            } else {
                "processing"
            };
            says(200, &format!(r#"{{"id": "ab12", "status": "{status}"}}"#))
        });
        let looks = Cell::new(0);
        let began = Instant::now();
        let stopped = asked(&mock.url, &mut |_| (), &|| {
            looks.set(looks.get() + 1);
            began.elapsed() > Duration::from_millis(150)
        });
        assert!(matches!(stopped, Err(ModelError::Cancelled(_))));
        let last = mock.asked().pop().expect("it was asked");
        assert!(last.line.starts_with("POST /predictions/ab12/cancel "), "{}", last.line);
    }

    #[test]
    fn a_failed_prediction_does_not_say_why() {
        for (body, words) in [
            (
                r#"{"id": "a", "status": "failed", "error": "CUDA out of memory"}"#,
                "CUDA out of memory",
            ),
            (r#"{"id": "a", "status": "canceled"}"#, "cancelled"),
            (r#"{"id": "a", "status": "dancing"}"#, "dancing"),
            (r#"{"id": "../evil", "status": "succeeded"}"#, "something else"),
            (r#"{"id": "a", "status": "succeeded", "output": 7}"#, "something else"),
            ("[]", "something else"),
        ] {
            let mock = Mock::new(move |_, _| says(201, body));
            let told = asked(&mock.url, &mut |_| (), &|| false).expect_err("fails").to_string();
            assert!(told.contains(words) && told.contains("hint:"), "{told}");
        }
        let mock = Mock::new(|_, _| {
            says(
                401,
                r#"{"title": "Unauthenticated", "detail": "r8_secret is no token"}"#,
            )
        });
        let told = asked(&mock.url, &mut |_| (), &|| false).expect_err("fails").to_string();
        assert!(told.contains("is no token") && !told.contains("r8_secret"), "{told}");
        let told = asked(&nobody(), &mut |_| (), &|| false).expect_err("fails").to_string();
        assert!(told.contains("nobody listens"), "{told}");
    }
}
