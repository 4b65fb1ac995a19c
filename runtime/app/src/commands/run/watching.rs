//! What runs, held against the trust policy from time to time.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use transfuse_engine::Engine;

use crate::console::{Console, Tone};
use crate::trust::{Alerts, News, Watch};

/// Holds what runs against the policy from time to time, until the engine is to stop.
pub(super) async fn keep_watch(
    mut watch: Watch,
    engine: &Engine,
    alerts: &Alerts,
    stop: &CancellationToken,
    console: Console,
) {
    let mut looks = tokio::time::interval(watch.interval());
    // The start itself was the first look.
    looks.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let looked = tokio::task::spawn_blocking(move || {
            let news = watch.look(Timestamp::now());
            (watch, news)
        });
        let Ok((looked, news)) = looked.await else {
            tracing::error!(
                "looking at certificates and revocations has failed, and is not done again before a restart"
            );
            return stop.cancelled().await;
        };
        watch = looked;
        for news in news {
            take_news(news, engine, alerts, console).await;
        }
    }
}

/// What a look has found: told, and done.
async fn take_news(news: News, engine: &Engine, alerts: &Alerts, console: Console) {
    let News {
        interface,
        alerts: known,
        untold,
        stops,
    } = news;
    for alert in &untold {
        let label = console.notes_palette().paint(Tone::Odd, "alert:");
        console.note(format_args!("{label} {interface}: {alert}"));
        tracing::warn!(interface, alert, "a plugin needs attention");
    }
    if stops && engine.stop_receiving(&interface).await {
        tracing::error!(
            interface,
            "an interface receives nothing more, because a plugin of it is revoked"
        );
    }
    alerts.set(&interface, known);
}
