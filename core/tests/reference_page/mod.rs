//! Writes the reference of the kinds from their CRDs, as Markdown.
//!
//! A field's text is its description: sentences that begin with `Absent:`, `Example:` and `Immutable`
//! become lines of their own. Whatever the schema says beside it (type, limits, rules) is said
//! from the schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dataworks_core::api::{CREATE_INTENT, FINALIZER, RECONCILE_REQUESTED, schema_of};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// One field with everything about it.
struct Field<'a> {
    path: String,
    schema: &'a Value,
    required: bool,
    /// Rules that blame this field: its own, its items', and those of an object above it.
    rules: Vec<(&'a str, &'a str)>,
}

/// The page.
pub(crate) fn page(crds: &[CustomResourceDefinition]) -> String {
    let mut out = String::from(
        "<!-- Written by `make crds` from the types in core/src/api; a test fails when it is stale. -->\n\n# Reference\n\n\
         Every field, with its limits and what is refused. `kubectl explain dwr.spec` shows the same text.\n\n\
         Schema and rules are evaluated by the API server when an object is applied, and by `dataworks-operator validate -f FILE`\n\
         without a cluster. No field of a spec has a default in the schema: what is absent stays absent, and *Absent* says what\n\
         is done then.\n",
    );
    let mut used = BTreeSet::new();
    for crd in crds {
        kind(&mut out, crd, &mut used);
    }
    annotations(&mut out);
    out
}

/// `used` are the anchors of the kinds before: a heading that comes again gets a number.
fn kind(out: &mut String, crd: &CustomResourceDefinition, used: &mut BTreeSet<String>) {
    let mut own = Vec::new();
    let names = &crd.spec.names;
    let version = &crd.spec.versions[0];
    let schema = schema_of(crd);
    let list = |words: &Option<Vec<String>>| {
        words.iter().flatten().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    let _ = write!(
        out,
        "\n## {kind}\n\n{text}\n\n| | |\n|---|---|\n| `apiVersion` | `{group}/{version}` |\n| `kind` | `{kind}` |\n\
         | scope | {scope} |\n| short names | {short} |\n| categories | {categories} |\n",
        kind = names.kind,
        text = one_line(&schema["description"]),
        group = crd.spec.group,
        version = version.name,
        scope = crd.spec.scope,
        short = list(&names.short_names),
        categories = list(&names.categories),
    );
    if let Some(fields) = version.selectable_fields.as_ref().filter(|fields| !fields.is_empty()) {
        let paths: Vec<String> = fields.iter().map(|field| format!("`{}`", &field.json_path[1..])).collect();
        let _ = writeln!(out, "| `--field-selector` | {} |", paths.join(", "));
    }
    for part in ["spec", "status"] {
        let root = &schema["properties"][part];
        let mut fields = vec![Field {
            path: part.to_owned(),
            schema: root,
            required: is_required(&schema, part),
            rules: rules_here(root),
        }];
        descend(root, part, &[], &mut fields);
        let _ = write!(out, "\n### `{part}` of {}\n\n| field | type | |\n|---|---|---|\n", names.kind);
        own.extend(fields.iter().map(|field| anchor(&field.path)));
        for field in &fields {
            let need = if field.required { "required" } else { "" };
            let _ = writeln!(
                out,
                "| [`{0}`](#{1}) | {2} | {need} |",
                field.path,
                numbered(&anchor(&field.path), used),
                type_of(field.schema)
            );
        }
        for field in &fields {
            describe(out, field);
        }
    }
    let _ = write!(out, "\n### `kubectl get` of {}\n\n| column | shows | |\n|---|---|---|\n", names.kind);
    for column in version.additional_printer_columns.iter().flatten() {
        let wide = if column.priority.unwrap_or(0) > 0 { "with `-o wide`" } else { "" };
        let text = column.description.as_deref().unwrap_or_default();
        let _ = writeln!(out, "| `{}` | {text} | {wide} |", column.name.to_uppercase());
    }
    used.extend(own);
}

fn numbered(anchor: &str, used: &BTreeSet<String>) -> String {
    if used.contains(anchor) { format!("{anchor}-1") } else { anchor.to_owned() }
}

fn annotations(out: &mut String) {
    let _ = write!(
        out,
        "\n## Annotations and finalizer\n\n| name | written by | meaning |\n|---|---|---|\n\
         | `{RECONCILE_REQUESTED}` | you | any new value asks for a look now; `status.lastHandledReconcileAt` echoes it when it was done |\n\
         | `{CREATE_INTENT}` | the operator | what is about to be made, written before CreateResource is called. Do not edit it; \
         removing it is a way out of `AmbiguousCreate` and `IntentUnreadable`, and of `DeletionBlocked` where its message says so, only |\n\
         | `{FINALIZER}` (a finalizer) | the operator | keeps a deleted object until its file is gone or let go, and a DataWorksWorkspace while objects use it |\n"
    );
}

/// Every property below `schema`, with the rules above that blame it.
fn descend<'a>(schema: &'a Value, at: &str, inherited: &[(String, &'a Value)], fields: &mut Vec<Field<'a>>) {
    let mut above: Vec<(String, &Value)> = inherited.to_vec();
    for rule in rules_of(schema) {
        if let Some(blamed) = rule["fieldPath"].as_str() {
            above.push((format!("{at}{blamed}"), rule));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}.{name}");
        let mut rules = rules_here(property);
        if let Some(items) = property.get("items") {
            rules.extend(rules_here(items));
        }
        rules.extend(above.iter().filter(|(blamed, _)| *blamed == path).map(|(_, rule)| said(rule)));
        fields.push(Field {
            path: path.clone(),
            schema: property,
            required: is_required(schema, name),
            rules,
        });
        descend(property, &path, &above, fields);
        if let Some(items) = property.get("items") {
            descend(items, &format!("{path}[]"), &above, fields);
        }
    }
}

fn rules_of(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["x-kubernetes-validations"].as_array().into_iter().flatten()
}

fn said(rule: &Value) -> (&str, &str) {
    (rule["rule"].as_str().unwrap_or_default(), rule["message"].as_str().unwrap_or_default())
}

/// The rules of a schema that blame no field below it.
fn rules_here(schema: &Value) -> Vec<(&str, &str)> {
    rules_of(schema).filter(|rule| rule.get("fieldPath").is_none()).map(said).collect()
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
}

fn describe(out: &mut String, field: &Field<'_>) {
    let _ = write!(out, "\n#### `{}`\n\n", field.path);
    let mut facts = vec![type_of(field.schema)];
    facts.extend(field.required.then(|| "required".to_owned()));
    facts.extend(limits(field.schema));
    let _ = writeln!(out, "*{}*", facts.join(" · "));
    let text = one_line(&field.schema["description"]);
    let mut lines: [(&str, Vec<String>); 3] = [("Absent", vec![]), ("Example", vec![]), ("Change", vec![])];
    let mut prose = Vec::new();
    for sentence in sentences(&text) {
        if let Some(rest) = sentence.strip_prefix("Absent: ") {
            lines[0].1.push(rest.to_owned());
        } else if let Some(rest) = sentence.strip_prefix("Example: ") {
            lines[1].1.push(rest.trim_end_matches('.').to_owned());
        } else if sentence.to_lowercase().contains("immutable") {
            lines[2].1.push(sentence.to_owned());
        } else {
            prose.push(sentence);
        }
    }
    if !prose.is_empty() {
        let _ = write!(out, "\n{}\n", prose.join(" "));
    }
    let (changes, values): (Vec<_>, Vec<_>) =
        field.rules.iter().partition(|(rule, _)| rule.contains("oldSelf"));
    let mut list = String::new();
    for (title, texts) in lines.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        let _ = writeln!(list, "- {title}: {}", texts.join(" "));
    }
    for (title, rules) in [("Refused", values), ("Refused on a change", changes)] {
        for (_, message) in rules {
            let _ = writeln!(list, "- {title}: {message}");
        }
    }
    if let Some(default) = field.schema.get("default") {
        let _ = writeln!(list, "- Default: `{default}`");
    }
    if !list.is_empty() {
        let _ = write!(out, "\n{list}");
    }
}

fn type_of(schema: &Value) -> String {
    let name = schema["type"].as_str().unwrap_or("any");
    match (name, schema["items"]["type"].as_str(), schema["format"].as_str()) {
        ("array", Some(items), _) => format!("list of {items}"),
        ("string", _, Some("date-time")) => "time".to_owned(),
        _ => name.to_owned(),
    }
}

fn limits(schema: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<String> =
            values.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        said.push(format!("one of {}", words.join(", ")));
    }
    let mut number = |key: &str, before: &str, after: &str| {
        if let Some(number) = schema[key].as_u64() {
            said.push(format!("{before}{number}{after}"));
        }
    };
    number("minLength", "at least ", " characters");
    number("maxLength", "at most ", " characters");
    number("minItems", "at least ", " items");
    number("maxItems", "at most ", " items");
    if let Some(minimum) = schema["minimum"].as_f64() {
        said.push(format!("at least {minimum}"));
    }
    if let Some(keys) = schema["x-kubernetes-list-map-keys"].as_array() {
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        said.push(format!("one item for each `{}`", keys.join("`, `")));
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        said.push("other fields are kept".to_owned());
    }
    said
}

/// The anchor that mdBook and GitHub give the heading of a field.
pub(crate) fn anchor(path: &str) -> String {
    path.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
        .collect::<String>()
        .to_lowercase()
}

fn one_line(text: &Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sentences end with `. ` outside of code; what introduces a code span at the end keeps it.
fn sentences(text: &str) -> Vec<&str> {
    let (mut found, mut begin, mut code) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == '`' {
            code = !code;
        }
        if c == '.' && !code && text[at + 1..].starts_with(' ') {
            found.push(text[begin..=at].trim());
            begin = at + 1;
        }
    }
    found.push(text[begin..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}
