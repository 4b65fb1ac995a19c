//! A message's life, told in lines: what came in, what the chain made of it, where it went.

pub(crate) mod differences;
pub(crate) mod evidence;
mod findings;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use transfuse_message::{Message, Path, acknowledgement};

use crate::console::{Palette, Tone};
use crate::control::wire;
use crate::layout::{counted, short_digest, shortened};
use crate::visible::one_line;

/// The width that lines keep to, so that they fit 100 columns where they are indented once more.
const WIDTH: usize = 94;

/// How wide a column of paths grows; `OBX[12]-16.9.2` fits.
const PATH_WIDTH_MAX: usize = 14;

/// Differences shown of one output; a message that was rewritten as a whole is better read as a whole.
const DIFFERENCES_SHOWN_MAX: usize = 200;

/// The whole story of one message.
pub(crate) fn tell(message: &wire::Message, palette: Palette) -> Vec<String> {
    let mut lines = heading(message, palette);
    if let Some(damage) = &message.damage {
        let line = format!("  not all of it can be had: {damage}");
        lines.push(palette.paint(Tone::Bad, &line).to_string());
    }
    lines.extend(message.edits.iter().flat_map(|edit| edited(edit, palette)));
    if let Some(decision) = &message.decision {
        lines.push(String::new());
        lines.extend(findings::findings(decision, palette));
        lines.extend(chain(decision, palette));
        lines.extend(ending(decision, palette));
        lines.extend(decision.exchange.iter().map(|one| exchange(one, palette)));
        for (number, output) in decision.outputs.iter().enumerate() {
            lines.push(String::new());
            lines.extend(told_output(number, output, message, palette));
        }
    }
    // Edits stand in front of what was made of them.
    let operations = message.operations.iter().filter(|one| one.kind != "edited");
    let operations: Vec<String> = operations.map(|one| operation(one, palette)).collect();
    if !operations.is_empty() {
        lines.push(String::new());
        lines.extend(operations);
    }
    if !message.deliveries.is_empty() {
        lines.push(String::new());
        lines.extend(
            message
                .deliveries
                .iter()
                .flat_map(|delivery| self::delivery(delivery, palette)),
        );
    }
    lines
}

fn heading(message: &wire::Message, palette: Palette) -> Vec<String> {
    let wire::MessageSummary {
        id,
        interface,
        stage,
        revision,
        received_at,
        control_id,
        message_type,
        source,
        ..
    } = &message.summary;
    let told = message.summary.refusals.as_ref();
    let told = told.filter(|found| found.messages > 1 || found.accepted.is_some());
    let told = told.map(|found| refusals(&message.summary, found));
    let decided = match (&message.summary.decided_at, stage.as_str()) {
        (Some(at), stage) => format!("{stage} {}", after(received_at, at)),
        (None, stage) => stage.to_owned(),
    };
    let from = match &message.origin {
        Some(origin) => format!(
            "the interface {}, message {}, delivery {}",
            origin.interface, origin.message, origin.delivery
        ),
        None => source.clone(),
    };
    vec![
        format!("{}  {message_type} {control_id}", palette.paint(Tone::Strong, id)),
        format!(
            "  {interface}, revision {revision}: {}",
            palette.paint(stage_tone(stage), &decided)
        ),
        format!("  received {} from {from}", local_time(received_at)),
    ]
    .into_iter()
    .chain(told.map(|told| format!("  {told}")))
    .collect()
}

/// How often its sender was told no about a message, and what became of that; or about what is accepted now.
pub(crate) fn refusals(message: &wire::MessageSummary, found: &wire::Refusals) -> String {
    let times = match found.messages {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let when = match found.messages {
        1 => format!("at {}", local_time(&found.last_at)),
        _ => format!("from {} to {}", local_time(&found.first_at), local_time(&found.last_at)),
    };
    match &found.accepted {
        Some(accepted) if *accepted == message.id => {
            format!("refused {times} before, {when}, the last as {}", found.last)
        }
        Some(accepted) => format!("refused {times}, {when}, and accepted as {accepted}"),
        None => format!("refused {times}, {when}"),
    }
}

/// Good, bad, or in between.
pub(crate) fn stage_tone(stage: &str) -> Tone {
    match stage {
        "processed" | "delivered" => Tone::Good,
        "refused" | "quarantined" => Tone::Bad,
        _ => Tone::Odd,
    }
}

/// What the steps of a decision did, and which tables they used.
pub(crate) fn chain(decision: &wire::Decision, palette: Palette) -> Vec<String> {
    let steps = decision.steps.iter().enumerate();
    let mut lines: Vec<String> = steps
        .flat_map(|(number, one)| step(number, one, &decision.log, palette))
        .collect();
    lines.extend(decision.tables.iter().map(|table| {
        let digest = short_digest(&table.digest);
        format!("table   {}  {}", table.name, palette.paint(Tone::Faint, &digest))
    }));
    lines.extend(decision.table_misses.iter().map(|miss| {
        format!(
            "  {} {} has no row whose `{}` is {}",
            palette.paint(Tone::Odd, "missing:"),
            miss.table,
            miss.column,
            one_line(miss.value.as_str())
        )
    }));
    if decision.table_misses_unlisted > 0 {
        lines.push(format!(
            "  {} more values are in no table",
            decision.table_misses_unlisted
        ));
    }
    lines
}

/// One step, and those of the log lines that it wrote.
fn step(number: usize, step: &wire::Step, log: &[wire::LogLine], palette: Palette) -> Vec<String> {
    let wire::Step {
        destination,
        plugin,
        version,
        digest,
        fuel,
        elapsed_us,
        log_lines_dropped,
        access,
    } = step;
    let cost = format!("{fuel} fuel, {:.2} ms", milliseconds(*elapsed_us));
    let digest = short_digest(digest);
    let of = destination
        .as_ref()
        .map(|name| format!("of {name}  "))
        .unwrap_or_default();
    let mut lines = vec![format!(
        "step {}  {of}{plugin} {version}  {}",
        number + 1,
        palette.paint(Tone::Faint, &format!("{digest}  {cost}")),
    )];
    lines.extend(touched(access).map(|line| format!("  {}", palette.paint(Tone::Faint, &line))));
    let own = log.iter().filter(|line| usize::try_from(line.step) == Ok(number));
    lines.extend(own.map(|line| {
        let tone = if matches!(line.level.as_str(), "warn" | "error") {
            Tone::Odd
        } else {
            Tone::Faint
        };
        let level = format!("{}:", line.level);
        format!("  {} {}", palette.paint(tone, &level), one_line(line.text.as_str()))
    }));
    if *log_lines_dropped > 0 {
        lines.push(format!(
            "  {log_lines_dropped} more log lines went over the limit and were dropped"
        ));
    }
    lines
}

/// `read MSH-9 PID-5; wrote PID-11; used the table lab-codes`, where a plugin touched anything.
fn touched(access: &wire::Access) -> Option<String> {
    let list = |label: &str, names: &[String]| (!names.is_empty()).then(|| format!("{label} {}", names.join(" ")));
    let flag = |is_so: bool, text: &str| is_so.then(|| text.to_owned());
    let parts = [
        flag(access.everything, "read everything"),
        list("read", &access.read),
        list("wrote", &access.written),
        list("asked the table", &access.tables),
        list("named", &access.to),
        flag(access.create, "made an output itself"),
        flag(access.state, "used its state"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How the chain, and the steps of destinations, ended where they did not simply forward. What a destination's steps have stopped is
/// told with its delivery.
fn ending(decision: &wire::Decision, palette: Palette) -> Vec<String> {
    let filtered = |one: &wire::DestinationSteps| {
        let reason = one_line(one.reason.as_ref()?.as_str());
        let (label, name) = (
            palette.paint(Tone::Odd, "filtered:"),
            palette.paint(Tone::Name, &one.destination),
        );
        Some(format!("{label} nothing of it goes to {name}: {reason}"))
    };
    let mut lines: Vec<String> = decision.destinations.iter().filter_map(filtered).collect();
    if let Some(reason) = &decision.reason {
        lines.push(format!(
            "{} {}",
            palette.paint(Tone::Odd, "filtered:"),
            one_line(&reason.lossy_text())
        ));
    }
    if let Some(fault) = &decision.fault {
        let answered = decision
            .code
            .as_deref()
            .map(|code| format!("answered {code}: "))
            .unwrap_or_default();
        lines.extend(told_fault(fault, &answered, palette));
    }
    lines
}

/// What was asked while the sender waited.
fn exchange(exchange: &wire::Exchange, palette: Palette) -> String {
    let answer = match &exchange.answer {
        Some(answer) => told_answer(answer),
        None => ", no answer".to_owned(),
    };
    format!(
        "{} {}{answer} after {:.0} ms",
        palette.paint(Tone::Name, "asked:"),
        exchange.destination,
        milliseconds(exchange.elapsed_us)
    )
}

fn told_fault(fault: &wire::Fault, prefix: &str, palette: Palette) -> Vec<String> {
    let kind = format!("{}:", fault.kind);
    let mut lines = vec![format!("{} {prefix}{}", palette.paint(Tone::Bad, &kind), fault.summary)];
    let text = fault.text.lossy_text();
    if !text.is_empty() {
        lines.push(format!("  {}", one_line(&text)));
    }
    lines.extend(
        fault
            .hint
            .iter()
            .map(|hint| format!("  {} {hint}", palette.paint(Tone::Name, "hint:"))),
    );
    lines
}

fn told_output(number: usize, output: &wire::Output, message: &wire::Message, palette: Palette) -> Vec<String> {
    let asked = message
        .decision
        .iter()
        .filter_map(|decision| decision.exchange.as_ref());
    let mut asked = asked.filter(|exchange| exchange.question == output.content);
    let to = if output.destinations.is_empty() {
        let asked = asked
            .next()
            .map(|exchange| format!("{}, as a question", exchange.destination));
        asked.unwrap_or_else(|| "nowhere".to_owned())
    } else {
        output.destinations.join(", ")
    };
    let changes = by_field(output, message);
    let extent = match &output.differences {
        _ if output.stopped => "stopped by its steps; as they were given it".to_owned(),
        Some(_) if changes.is_empty() => "nothing changed".to_owned(),
        Some(_) => counted(changes.len(), "changed field"),
        None => match output
            .content
            .message(None)
            .map(|answer| acknowledgement::read(&answer))
        {
            Some(Ok(answer)) => format!("the acknowledgement {}", answer.code),
            _ => "not comparable".to_owned(),
        },
    };
    let mut lines = vec![format!(
        "output {}  to {}, {extent}",
        number + 1,
        palette.paint(Tone::Name, &to)
    )];
    lines.extend(differences(&changes, palette));
    lines
}

/// The fields that a chain changed in all its outputs.
pub(crate) fn changed_fields(message: &wire::Message) -> Vec<wire::Difference> {
    let outputs = message.decision.iter().flat_map(|decision| &decision.outputs);
    outputs.flat_map(|output| by_field(output, message)).collect()
}

/// Differences with those of one field's components put together: `OBX-3` as a whole says more than six lines about
/// its parts. A field stays in parts where segments came or went, because the same path is another segment then.
fn by_field(output: &wire::Output, message: &wire::Message) -> Vec<wire::Difference> {
    let differences = output.differences.as_deref().unwrap_or_default();
    let charset = message.charset.as_deref();
    let (Some(before), Some(after)) = (message.decided_content().message(charset), output.content.message(None)) else {
        return differences.to_vec();
    };
    if before.segment_count() != after.segment_count() {
        return differences.to_vec();
    }
    let mut fields: Vec<wire::Difference> = Vec::new();
    for difference in differences {
        let path = field_of(&difference.path);
        if fields.last().is_none_or(|last| last.path != path) {
            let whole = |message: &Message| whole_field(message, path);
            fields.push(wire::Difference {
                path: path.to_owned(),
                before: whole(&before),
                after: whole(&after),
            });
        }
    }
    fields
}

/// `OBX[2]-3` of `OBX[2]-3.1`.
fn field_of(path: &str) -> &str {
    path.split_once('.').map_or(path, |(field, _)| field)
}

fn whole_field(message: &Message, path: &str) -> Option<wire::Words> {
    let raw = message.get_raw(&path.parse::<Path>().ok()?).ok()??;
    let decoded = message.charset().decode(&raw).map(std::borrow::Cow::into_owned);
    let text = decoded.unwrap_or_else(|| String::from_utf8_lossy(&raw).into_owned());
    Some(text.into())
}

/// Changes field by field, one line each where both values fit, else one line for each value; of very many, the first.
pub(crate) fn differences(differences: &[wire::Difference], palette: Palette) -> Vec<String> {
    let shown = differences.get(..DIFFERENCES_SHOWN_MAX).unwrap_or(differences);
    let mut lines = all_differences(shown, palette);
    let more = differences.len() - shown.len();
    if more > 0 {
        lines.push(format!("  and {}", counted(more, "more change")));
    }
    lines
}

/// The same, of any number.
pub(crate) fn all_differences(differences: &[wire::Difference], palette: Palette) -> Vec<String> {
    let widths = differences.iter().map(|one| one.path.chars().count());
    let width = widths.max().unwrap_or_default().min(PATH_WIDTH_MAX);
    differences
        .iter()
        .flat_map(|difference| told_difference(difference, width, palette))
        .collect()
}

fn told_difference(difference: &wire::Difference, width: usize, palette: Palette) -> Vec<String> {
    let wire::Difference { path, before, after } = difference;
    let (before, after) = (value(before.as_ref()), value(after.as_ref()));
    let lead = format!("  {path:width$}  ");
    let indent = lead.chars().count();
    let fits = indent + before.chars().count() + after.chars().count() + 3 <= WIDTH;
    let room = if fits { WIDTH } else { WIDTH.saturating_sub(indent + 2) };
    let (before, after) = (shortened(&before, room), shortened(&after, room));
    let (old, new) = (palette.paint(Tone::Faint, &before), palette.paint(Tone::Good, &after));
    let arrow = palette.paint(Tone::Faint, "→");
    if fits {
        vec![format!("{lead}{old} {arrow} {new}")]
    } else {
        vec![format!("{lead}  {old}"), format!("{}{arrow} {new}", " ".repeat(indent))]
    }
}

/// Absent and empty stay apart, and control characters cannot move the cursor.
fn value(value: Option<&wire::Words>) -> String {
    match value.map(wire::Words::as_str) {
        None => "(absent)".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => one_line(text),
    }
}

/// What somebody did about the message.
fn operation(operation: &wire::Operation, palette: Palette) -> String {
    let wire::Operation {
        at,
        kind,
        revision,
        author,
        reason,
        ..
    } = operation;
    let (label, at) = (format!("{}:", kind.replace('-', " ")), local_time(at));
    let label = palette.paint(Tone::Odd, &label);
    let on = match (revision, operation.after_step, operation.after_revision) {
        (0, ..) => String::new(),
        (number, Some(step), Some(before)) => format!(", on revision {number} after step {step} of revision {before}"),
        (number, ..) => format!(", on revision {number}"),
    };
    format!("{label} {at} by {author}{on}: {reason}")
}

/// Who gave the message other bytes, and what that changed.
fn edited(edit: &wire::Edit, palette: Palette) -> Vec<String> {
    let at = local_time(&edit.at);
    let label = palette.paint(Tone::Odd, "edited:");
    let mut lines = vec![format!("{label} {at} by {}: {}", edit.author, edit.reason)];
    match &edit.differences {
        Some(changes) => lines.extend(differences(changes, palette)),
        None => lines.push("  what it was before is no HL7 v2 message".to_owned()),
    }
    lines
}

pub(crate) fn delivery(delivery: &wire::Delivery, palette: Palette) -> Vec<String> {
    let wire::Delivery {
        id,
        destination,
        stage,
        attempts,
        queued_at,
        settled_at,
        out_of_order,
        ..
    } = delivery;
    let settled = settled_at
        .as_deref()
        .map(|at| format!(" {}", after(queued_at, at)))
        .unwrap_or_default();
    let failed = match usize::try_from(*attempts).unwrap_or(usize::MAX) {
        0 => String::new(),
        count => format!(", {}", counted(count, "failed attempt")),
    };
    let answer = delivery.answer.as_ref().map(told_answer).unwrap_or_default();
    let order = if *out_of_order { ", out of order" } else { "" };
    let mut lines = vec![format!(
        "delivery {id} to {}: {}{settled}{order}{failed}{answer}",
        palette.paint(Tone::Name, destination),
        palette.paint(stage_tone(stage), stage),
    )];
    if settled_at.is_none() {
        let last = delivery.last_fault.iter();
        lines.extend(last.map(|fault| format!("  {} {fault}", palette.paint(Tone::Odd, "last attempt:"))));
    }
    lines.extend(delivery.fault.iter().flat_map(|fault| told_fault(fault, "", palette)));
    lines
}

/// What a receiver said: its acknowledgement where it is one, else its words (the name of a file, say).
fn told_answer(answer: &wire::Content) -> String {
    let read = answer
        .message(None)
        .and_then(|message| acknowledgement::read(&message).ok());
    match read {
        Some(answer) if answer.text.is_empty() => format!(", answered {}", answer.code),
        Some(answer) => format!(", answered {}: {}", answer.code, one_line(&answer.text.lossy_text())),
        None if answer.is_empty() => String::new(),
        None => format!(", as {}", one_line(&answer.lossy_text())),
    }
}

/// "12 ms later".
fn after(earlier: &str, later: &str) -> String {
    match (earlier.parse::<Timestamp>(), later.parse::<Timestamp>()) {
        (Ok(earlier), Ok(later)) => {
            let elapsed = later.duration_since(earlier).as_millis();
            if elapsed < 10_000 {
                format!("after {elapsed} ms")
            } else {
                format!("after {} s", elapsed / 1_000)
            }
        }
        _ => String::new(),
    }
}

/// A time as the clock on the wall shows it.
pub(crate) fn local_time(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned_datetime(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S%.3f")
            .to_string(),
        Err(_) => at.to_owned(),
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    std::time::Duration::from_micros(microseconds).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{ColourChoice, Console};

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> wire::Difference {
        wire::Difference {
            path: path.to_owned(),
            before: before.map(|text| text.to_owned().into()),
            after: after.map(|text| text.to_owned().into()),
        }
    }

    #[test]
    fn changes_stand_on_one_line_where_they_fit_and_on_two_where_they_do_not() {
        let long = "2345-7^Glucose [Mass/volume] in Serum or Plasma^LN^GLU^Glükóz^L, and so on, and so forth, for ever";
        let changes = [
            change("MSH-5", Some("LAB"), Some("EHR")),
            change("PID-11", Some("x"), Some("")),
            change("OBX[2]-8", None, Some("H\r")),
            change("OBX-3", Some("GLU^Glükóz^L"), Some(long)),
        ];
        let lines = differences(&changes, Console::new(ColourChoice::Never).palette());
        let expected = [
            "  MSH-5     LAB → EHR",
            "  PID-11    x → (empty)",
            "  OBX[2]-8  (absent) → H",
            "  OBX-3       GLU^Glükóz^L",
            "            → 2345-7^Glucose [Mass/volume] in Serum or Plasma^LN^GLU^Glükóz^L, and so on, and…",
        ];
        assert_eq!(lines, expected);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
    }
}
