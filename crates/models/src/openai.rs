//! A vision model behind an OpenAI-compatible endpoint: llama.cpp's server, Ollama, LM Studio, vLLM and the hosted ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::ModelError;
pub use crate::http::Patience;
use crate::http::{Client, shown};

const DOING: &str = "asking the vision model";

/// The most tokens of an answer.
const LONGEST: u32 = 512;

/// An endpoint and a model there.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// The base of its API: `http://127.0.0.1:11434/v1`.
    pub url: &'a str,
    /// The model's name there.
    pub model: &'a str,
    /// The key, where it wants one.
    pub key: Option<&'a str>,
}

/// Asks `question` about the picture in `jpeg`.
///
/// # Errors
/// [`ModelError::Endpoint`] where it is down, slow, refuses or answers nonsense, [`ModelError::Cancelled`].
pub fn ask(
    endpoint: Endpoint<'_>,
    jpeg: &[u8],
    question: &str,
    patience: Patience,
    cancelled: &dyn Fn() -> bool,
) -> Result<String, ModelError> {
    let client = Client {
        doing: DOING,
        key: endpoint.key.map(str::to_owned),
        patience,
        cancelled,
    };
    let url = format!("{}/chat/completions", endpoint.url.trim_end_matches('/'));
    let body = json!({
        "model": endpoint.model,
        "max_tokens": LONGEST,
        "temperature": 0,
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": question},
            {"type": "image_url", "image_url": {"url": picture(jpeg)}},
        ]}],
    });
    let reply = client.json(&url, Some(&body))?;
    let message = reply.pointer("/choices/0/message/content");
    let text = match message {
        Some(Value::String(text)) => text.clone(),
        // Some answer in parts, as they are asked.
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    };
    if text.trim().is_empty() {
        return Err(client.nonsense(&url, &reply.to_string()));
    }
    Ok(text.trim().to_owned())
}

/// The address without what is secret in it.
pub fn told(url: &str) -> String {
    shown(url)
}

/// A picture as an address that holds it.
pub(crate) fn picture(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::http::mock::{Answer, Mock, hasty, nobody, says};

    fn asked(url: &str, cancelled: &dyn Fn() -> bool) -> Result<String, ModelError> {
        let endpoint = Endpoint {
            url,
            model: "llava:13b",
            key: Some("sk-secret"),
        };
        ask(endpoint, b"jpeg", "What is it?", hasty(), cancelled)
    }

    fn told_of(url: &str) -> String {
        asked(url, &|| false).expect_err("fails").to_string()
    }

    #[test]
    fn a_question_or_its_answer_goes_astray() {
        let mock = Mock::new(|_, _| says(200, r#"{"choices": [{"message": {"content": " A cat.\n"}}]}"#));
        let answer = asked(&format!("{}/v1/", mock.url), &|| false).expect("answers");
        assert_eq!(answer, "A cat.");
        let request = &mock.asked()[0];
        assert!(
            request.line.starts_with("POST /v1/chat/completions "),
            "{}",
            request.line
        );
        assert!(
            request
                .headers
                .to_lowercase()
                .contains("authorization: bearer sk-secret")
        );
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(body["model"], "llava:13b");
        let content = &body["messages"][0]["content"];
        assert_eq!(content[0]["text"], "What is it?");
        assert_eq!(content[1]["image_url"]["url"], "data:image/jpeg;base64,anBlZw==");
    }

    #[test]
    fn an_answer_in_parts_is_lost() {
        let body = r#"{"choices": [{"message": {"content": [{"type": "text", "text": "A "}, {"text": "cat."}]}}]}"#;
        let mock = Mock::new(move |_, _| says(200, body));
        assert_eq!(asked(&mock.url, &|| false).expect("answers"), "A cat.");
    }

    #[test]
    fn a_busy_endpoint_is_given_up_at_once_or_asked_for_ever() {
        let mock = Mock::new(|n, _| match n {
            0 => says(503, "loading"),
            1 => Answer::Hangs,
            _ => says(200, r#"{"choices": [{"message": {"content": "yes"}}]}"#),
        });
        assert_eq!(asked(&mock.url, &|| false).expect("answers"), "yes");
        let busy = Mock::new(|_, _| {
            Answer::Says(
                429,
                "Retry-After: 0\r\n",
                br#"{"error": {"message": "slow down"}}"#.to_vec(),
            )
        });
        let told = told_of(&busy.url);
        assert!(
            told.contains("429") && told.contains("slow down") && told.contains("hint:"),
            "{told}"
        );
        assert_eq!(busy.asked().len(), 3);
    }

    #[test]
    fn a_model_that_cannot_see_is_asked_again_and_again() {
        let said = r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#;
        let mock = Mock::new(move |_, _| says(500, said));
        let told = told_of(&mock.url);
        assert!(told.contains("image input") && told.contains("does not see"), "{told}");
        assert_eq!(mock.asked().len(), 1);
    }

    #[test]
    fn a_failure_does_not_name_its_cause_or_tells_the_key() {
        let told = told_of(&nobody());
        assert!(told.contains("nobody listens") && told.contains("hint:"), "{told}");
        let refusing = Mock::new(|_, _| says(401, r#"{"error": {"message": "bad key sk-secret"}}"#));
        let told = told_of(&refusing.url.replace("http://", "http://me:word@"));
        assert!(
            told.contains("key") && !told.contains("sk-secret") && !told.contains("word"),
            "{told}"
        );
        assert_eq!(refusing.asked().len(), 1, "a refusal is not asked again");
        let missing = Mock::new(|_, _| says(404, r#"{"error": "no model llava:13b"}"#));
        let told = told_of(&missing.url);
        assert!(
            told.contains("no model llava:13b") && told.contains("name right"),
            "{told}"
        );
        for nonsense in [
            "",
            "<html>hello</html>",
            "{}",
            r#"{"choices": [{"message": {"content": null}}]}"#,
        ] {
            let mock = Mock::new(move |_, _| says(200, nonsense));
            let told = told_of(&mock.url);
            assert!(told.contains("it answered") && told.contains("hint:"), "{told}");
        }
    }

    #[test]
    fn a_slow_endpoint_is_waited_for_past_its_time_or_past_ctrl_c() {
        let mock = Mock::new(|_, _| Answer::Waits(Duration::from_secs(4)));
        let told = told_of(&mock.url);
        assert!(told.contains("did not answer within 0.4 s"), "{told}");
        let mock = Mock::new(|_, _| Answer::Waits(Duration::from_secs(4)));
        let began = Instant::now();
        let stopped = asked(&mock.url, &|| began.elapsed() > Duration::from_millis(80));
        assert!(matches!(stopped, Err(ModelError::Cancelled(_))));
        assert!(began.elapsed() < Duration::from_millis(350));
    }
}
