//! The only writer to standard error, which the host reads as the plugin's log.
//!
//! A host takes a line that is a JSON object as a record of hclog, Go's
//! logging library, and assumes that `@level`, `@message` and `@timestamp` are
//! strings: any other type there ends the whole server (`log_entry.go` in
//! go-plugin). So nothing but this module may print, it makes those three
//! itself, and no field can take their names.

use std::fmt;
use std::io::Write as _;
use std::panic::PanicHookInfo;

use jiff::Timestamp;
use logical::Object;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Hosts read lines of up to 64 KiB; of a longer one they log the pieces raw.
const LONGEST_LINE: usize = 60 * 1024;
/// A text in a line that would be too long: even with every byte escaped in
/// six, three of them fit.
const LONGEST_TEXT: usize = 3 * 1024;
/// Libraries whose logs are too verbose for operators.
const TALKATIVE: [&str; 6] = ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower"];

/// Sends what `tracing` records, and panics, to the host. Does nothing when
/// the program has a subscriber already.
pub(crate) fn install(lookup: impl Fn(&str) -> Option<String>) {
    let filter = TALKATIVE.iter().fold(
        Targets::new().with_default(level(lookup)),
        |filter, target| filter.with_target(*target, LevelFilter::WARN),
    );
    // An error means that another subscriber is there.
    let _ = tracing_subscriber::registry()
        .with(Hclog.with_filter(filter))
        .try_init();
    std::panic::set_hook(Box::new(|panic| write(&Record::of_panic(panic))));
}

/// The level that the server's operator chose in the environment. Everything
/// from debug on is sent otherwise, because the host drops what its own level
/// does not let through, and does not tell us that level.
fn level(lookup: impl Fn(&str) -> Option<String>) -> LevelFilter {
    ["BAO_LOG_LEVEL", "VAULT_LOG_LEVEL"]
        .into_iter()
        .find_map(lookup)
        .and_then(|level| match level.trim().to_ascii_lowercase().as_str() {
            "trace" => Some(LevelFilter::TRACE),
            "debug" => Some(LevelFilter::DEBUG),
            "notice" | "info" => Some(LevelFilter::INFO),
            "warn" | "warning" => Some(LevelFilter::WARN),
            "err" | "error" => Some(LevelFilter::ERROR),
            _ => None,
        })
        .unwrap_or(LevelFilter::DEBUG)
}

/// Turns events into lines.
struct Hclog;

/// The fields of a span, which every record inside it has too.
struct SpanFields(Object);

impl<S> tracing_subscriber::Layer<S> for Hclog
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep_fields(attributes, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        write(&Record::of_event(event).inside(event, &context));
    }
}

fn keep_fields<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if let Some(span) = context.span(id) {
        let mut record = Record::empty();
        attributes.record(&mut record);
        span.extensions_mut().insert(SpanFields(record.fields));
    }
}

fn write(record: &Record) {
    let line = record.line(Timestamp::now());
    // A host that no longer reads is not an error.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// One record of the log.
struct Record {
    level: &'static str,
    module: String,
    message: String,
    fields: Object,
}

impl Record {
    fn empty() -> Self {
        Self {
            level: "",
            module: String::new(),
            message: String::new(),
            fields: Object::new(),
        }
    }

    /// The record with the fields of the spans that its event lies in. Its own
    /// fields count before those of a span, an inner span's before an outer's.
    fn inside<S>(mut self, event: &Event<'_>, context: &Context<'_, S>) -> Self
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                for (name, value) in fields {
                    let field = self.fields.entry(name.clone());
                    field.or_insert_with(|| value.clone());
                }
            }
        }
        self
    }

    fn of_event(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut record = Self {
            level: match *metadata.level() {
                Level::TRACE => "trace",
                Level::DEBUG => "debug",
                Level::INFO => "info",
                Level::WARN => "warn",
                Level::ERROR => "error",
            },
            module: metadata.target().to_owned(),
            ..Self::empty()
        };
        event.record(&mut record);
        record
    }

    fn of_panic(panic: &PanicHookInfo<'_>) -> Self {
        let mut fields = Object::new();
        if let Some(location) = panic.location() {
            fields.insert("location".into(), location.to_string().into());
        }
        let cause = panic.payload_as_str().unwrap_or("a value without a text");
        Self {
            level: "error",
            module: "panic".into(),
            message: format!("the plugin panicked: {cause}"),
            fields,
        }
    }

    /// The record as one line, with its end.
    fn line(&self, now: Timestamp) -> String {
        let line = self.render(now, &self.message, &self.fields);
        if line.len() <= LONGEST_LINE {
            return line;
        }
        let message = cut(&self.message);
        let mut fields = Object::new();
        fields.insert("truncated".into(), true.into());
        self.render(now, message, &fields)
    }

    fn render(&self, now: Timestamp, message: &str, fields: &Object) -> String {
        let mut object = fields.clone();
        object.insert("@level".into(), self.level.into());
        object.insert("@message".into(), message.into());
        object.insert("@module".into(), cut(&self.module).into());
        // Exactly six digits of the second, or the host takes it for text.
        object.insert("@timestamp".into(), format!("{now:.6}").into());
        format!("{}\n", Value::Object(object))
    }

    fn add(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => {
                self.message = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
            }
            name => {
                let name = name.trim_start_matches('@');
                self.fields.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Record {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// Records a `tracing` event.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl<S> tracing_subscriber::Layer<S> for Lines
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
            keep_fields(attributes, id, &context);
        }

        fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
            let now = Timestamp::from_second(1_700_000_000).unwrap();
            let line = Record::of_event(event).inside(event, &context).line(now);
            self.0.lock().unwrap().push(line);
        }
    }

    fn record(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), log);
        let mut lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 1);
        lines.remove(0)
    }

    fn parsed(line: &str) -> Value {
        assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_record_is_one_line_that_a_host_reads() {
        let line = record(|| tracing::info!(target: "engine", keys = 3, role = "app", "swept\nup"));
        assert_eq!(
            parsed(&line),
            json!({
                "@level": "info",
                "@message": "swept\nup",
                "@module": "engine",
                "@timestamp": "2023-11-14T22:13:20.000000Z",
                "keys": 3,
                "role": "app",
            })
        );
    }

    #[test]
    fn a_record_names_the_request_that_it_belongs_to() {
        let line = record(|| {
            let outer = tracing::info_span!("request", request_id = "r-1", operation = "read");
            let _outer = outer.entered();
            let _inner = tracing::info_span!("call", operation = "delete").entered();
            tracing::info!(keys = 3, "swept");
        });
        let value = parsed(&line);
        assert_eq!(value["request_id"], "r-1");
        assert_eq!(value["operation"], "delete");
        assert_eq!(value["keys"], 3);
    }

    #[test]
    fn no_field_can_take_the_place_of_what_a_host_assumes_to_be_text() {
        let line = record(|| {
            tracing::warn!(
                message = 7,
                "@level" = 1,
                "@timestamp" = 2.5,
                "@@message" = true
            );
        });
        let value = parsed(&line);
        for name in ["@level", "@message", "@module", "@timestamp"] {
            assert!(value[name].is_string(), "{name} in {line}");
        }
        assert_eq!(value["@level"], "warn");
        assert_eq!(value["@message"], "7");
        assert_eq!(value["level"], 1);
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_to_a_line_that_a_host_reads_whole() {
        let text = "\u{1}ü".repeat(40_000);
        let line = record(|| tracing::error!(detail = text, "{text}"));
        assert!(line.len() <= LONGEST_LINE, "{}", line.len());
        let value = parsed(&line);
        assert!(value["@message"].as_str().unwrap().starts_with("\u{1}ü"));
        assert_eq!(value["truncated"], true);
    }

    #[test]
    fn the_level_is_that_of_the_server_when_it_was_set() {
        let level_of = |name: &'static str, value: &'static str| {
            level(move |wanted| (wanted == name).then(|| value.to_owned()))
        };
        assert_eq!(level_of("VAULT_LOG_LEVEL", "WARN"), LevelFilter::WARN);
        assert_eq!(level_of("BAO_LOG_LEVEL", "trace"), LevelFilter::TRACE);
        assert_eq!(level_of("BAO_LOG_LEVEL", "loud"), LevelFilter::DEBUG);
        assert_eq!(level_of("OTHER", "trace"), LevelFilter::DEBUG);
    }
}
