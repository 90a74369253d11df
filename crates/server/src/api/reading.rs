//! The description of the API as a page to read, made from the description itself: no script, nothing from elsewhere.

use serde_json::Value;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// `#/components/schemas/JobView` → a link to it.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = escaped(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (several, joint) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema.get(several).and_then(Value::as_array) {
            return parts.iter().map(kind).collect::<Vec<_>>().join(joint);
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("<code>{}</code>", escaped(value.as_str().unwrap_or_default())))
            .collect();
        return values.join(", ");
    }
    let named = match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".into(),
    };
    match schema.get("items") {
        Some(items) => format!("{} of {}", escaped(&named), kind(items)),
        None => escaped(&named),
    }
}

fn prose(value: &Value, key: &str) -> String {
    escaped(value.get(key).and_then(Value::as_str).unwrap_or_default())
}

fn operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let method = method.to_uppercase();
    *page += &format!(
        "<section><h3><code>{method} {}</code></h3><p>{}</p><p>{}</p>",
        escaped(path),
        prose(operation, "summary"),
        prose(operation, "description")
    );
    if let Some(parameters) = operation.get("parameters").and_then(Value::as_array) {
        *page += "<table><caption>Parameters</caption><tbody>";
        for parameter in parameters {
            let schema = parameter.get("schema").cloned().unwrap_or_default();
            *page += &format!(
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td></tr>",
                prose(parameter, "name"),
                prose(parameter, "in"),
                kind(&schema),
                prose(parameter, "description")
            );
        }
        *page += "</tbody></table>";
    }
    if let Some(content) = operation.pointer("/requestBody/content").and_then(Value::as_object) {
        for (media, body) in content {
            let schema = body.get("schema").cloned().unwrap_or_default();
            *page += &format!("<p>Body: <code>{}</code>, {}</p>", escaped(media), kind(&schema));
        }
    }
    if let Some(responses) = operation.get("responses").and_then(Value::as_object) {
        *page += "<table><caption>Answers</caption><tbody>";
        for (status, response) in responses {
            let content = response.get("content").and_then(Value::as_object);
            let bodies: Vec<String> = content
                .into_iter()
                .flatten()
                .map(|(media, body)| {
                    let schema = body.get("schema").cloned().unwrap_or_default();
                    format!("<code>{}</code>, {}", escaped(media), kind(&schema))
                })
                .collect();
            *page += &format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
                escaped(status),
                prose(response, "description"),
                bodies.join("; ")
            );
        }
        *page += "</tbody></table>";
    }
    *page += "</section>";
}

/// The page.
pub(super) fn page(description: &utoipa::openapi::OpenApi) -> String {
    let value = serde_json::to_value(description).unwrap_or_default();
    let info = value.get("info").cloned().unwrap_or_default();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}: the API</title></head><body><main><h1>{title}: the API</h1><p>{description}</p>\
         <p>Version {version}. The same for programs: <a href=\"/api/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>",
        title = prose(&info, "title"),
        description = prose(&info, "description"),
        version = prose(&info, "version"),
    );
    let tags = value.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let paths = value
        .get("paths")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for tag in &tags {
        let name = tag.get("name").and_then(Value::as_str).unwrap_or_default();
        page += &format!("<h2>{}</h2><p>{}</p>", escaped(name), prose(tag, "description"));
        for (path, methods) in &paths {
            for (method, described) in methods.as_object().into_iter().flatten() {
                let tagged = described.get("tags").and_then(Value::as_array);
                if tagged.is_some_and(|tags| tags.iter().any(|tag| tag.as_str() == Some(name))) {
                    operation(&mut page, path, method, described);
                }
            }
        }
    }
    page += "<h2>Shapes</h2>";
    let shapes = value.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in shapes.into_iter().flatten() {
        let name = escaped(name);
        page += &format!(
            "<section><h3 id=\"schema-{name}\">{name}</h3><p>{}</p>",
            prose(schema, "description")
        );
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                page += "<table><tbody>";
                for (field, schema) in properties {
                    page += &format!(
                        "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td></tr>",
                        escaped(field),
                        kind(schema),
                        prose(schema, "description")
                    );
                }
                page += "</tbody></table>";
            }
            None => page += &format!("<p>{}</p>", kind(schema)),
        }
        page += "</section>";
    }
    page += "</main></body></html>";
    page
}
