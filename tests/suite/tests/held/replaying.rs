//! Which messages a replay takes, and what it is tried on.

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, plugins};
use transfuse_package::Package;

use super::{Bench, DELIVERED, NORMALIZE, message, said};

/// Version 1.1.0 of a plugin with another one's component: it goes wrong with every message.
fn with_another_component(site: &Site) -> Package {
    let other = plugins().expect("the plugins").join("transfuse/redact/1.0.0.oci");
    let other = Package::read(&other).expect("it is built");
    let next = site.add_next_version_with("transfuse/lab-normalize", |contents| {
        contents.component = other.component;
    });
    next.expect("it is written")
}

#[test]
fn a_version_that_is_not_deployed_is_tried_on_the_past_and_delivers_nothing() {
    let sink = Sink::accepting().expect("a receiver");
    let file = InterfaceFile::listening("lab").section(NORMALIZE);
    let site = Site::with(&file.to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let bench = Bench {
        address: sink.address().to_owned(),
        site,
        engine,
    };
    bench.send(1..=3);
    bench.wait_for(DELIVERED, 3);
    let next = with_another_component(&bench.site);
    let search = ["messages", "replay", "--interface", "lab", "--type", "ORU^R01", "--on"];
    let candidate = [&search[..], &["transfuse/lab-normalize@1.1.0"]].concat();
    let dry = [&candidate[..], &["--dry-run"]].concat();
    // It has to be allowed to go live, as where it is deployed.
    let refused = said(&bench.run(&dry));
    assert!(
        refused.contains("transfuse/lab-normalize") && refused.contains("approve"),
        "{refused}"
    );
    bench.site.approve(&next).expect("it is approved");
    let (_, tried) = bench.json(&dry);
    assert_eq!(
        (&tried["on"], &tried["candidate"]),
        (&1.into(), &"transfuse/lab-normalize 1.1.0".into())
    );
    assert_eq!(
        (&tried["differences"]["compared"], &tried["differences"]["differing"]),
        (&3.into(), &3.into())
    );
    let place = &tried["differences"]["places"][0];
    assert_eq!(
        (&place["place"], &place["messages"]),
        (&"outcome".into(), &3.into()),
        "{tried}"
    );
    let real = bench.run(&[&candidate[..], &["--yes", "--reason", "a test"]].concat());
    assert_eq!(real.status.code(), Some(1));
    assert!(
        said(&real).contains("nothing is delivered by what is no revision"),
        "{}",
        said(&real)
    );
    assert!(said(&real).contains("transfuse deploy"), "{}", said(&real));
    // The live version in its place is what is live.
    let same = bench.ok(&[&search[..], &["transfuse/lab-normalize@1.0.0", "--dry-run"]].concat());
    assert_eq!(
        (&same["candidate"], &same["differences"]["differing"]),
        (&Value::Null, &0.into())
    );
    let unknown = said(&bench.run(&[&search[..], &["transfuse/redact@1", "--dry-run"]].concat()));
    assert!(
        unknown.contains("has no step of the plugin `transfuse/redact`"),
        "{unknown}"
    );
    assert_eq!(sink.count(), 3);
}

/// Whoever looks for messages by something else does not mean those whose senders were told no.
#[test]
fn a_search_takes_refused_messages_only_where_it_says_so() {
    let sink = Sink::accepting().expect("a receiver");
    let rejecting = NORMALIZE.replace(
        "version = \"^1\"\n",
        "version = \"^1\"\nconfig = { on_unknown_code = \"reject\" }\n",
    );
    let site = Site::with(
        &InterfaceFile::listening("lab")
            .section(&rejecting)
            .to("ehr", sink.address()),
    )
    .expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let bench = Bench {
        address: sink.address().to_owned(),
        site,
        engine,
    };
    let mut connection = bench.engine.connect("lab").expect("a connection");
    let answer = connection.ask(message(1).as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AE|"), "{answer}");
    bench.ok(&[
        "tables",
        "add",
        "lab-codes",
        "MEGJ",
        "8251-1",
        "Comment",
        "",
        "--reason",
        "a test",
    ]);
    let replay = ["messages", "replay", "--interface", "lab", "--since", "1h", "--dry-run"];
    let (_, looked) = bench.json(&replay);
    assert_eq!(looked["left_count"], 1, "{looked}");
    assert!(
        looked["left"][0]["reason"]
            .as_str()
            .is_some_and(|why| why.contains("--stage refused")),
        "{looked}"
    );
    let meant = bench.ok(&[&replay[..], &["--stage", "refused"]].concat());
    assert_eq!(meant["messages"].as_array().map(Vec::len), Some(1), "{meant}");
    let everything = said(&bench.run(&["messages", "replay", "--interface", "lab", "--dry-run"]));
    assert!(everything.contains("nothing says which messages"), "{everything}");
    let none = said(&bench.run(&["messages", "replay", "--interface", "lab", "--type", "ADT", "--dry-run"]));
    assert!(none.contains("no stored message matches"), "{none}");
}
