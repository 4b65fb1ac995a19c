//! Trials, for the wire.

use transfuse_engine as engine;

use super::super::wire::trials as wire;
use super::of_many;
use crate::changes::{Mode, Standing};
use crate::configuration::show_share;

pub(crate) fn trial(standing: &Standing) -> wire::Trial {
    let Standing {
        trial, observed, stage, ..
    } = standing;
    let bounds = trial.wish.bounds;
    wire::Trial {
        interface: trial.interface.clone(),
        revision: trial.number,
        against: trial.against,
        kind: trial.wish.mode.word().to_owned(),
        decides: decides(&trial.wish.mode, *stage),
        is_paused: standing.is_paused,
        stage: stage + 1,
        stages: trial.wish.mode.stages(),
        messages: standing.messages,
        messages_max: bounds.messages,
        seconds_max: bounds.time.as_secs(),
        began_at: trial.began_at.to_string(),
        author: trial.change.author.to_string(),
        reason: trial.change.reason.clone(),
        candidate: figures(&observed.candidate),
        baseline: figures(&observed.baseline),
        differences: of_many(&observed.differences),
        dropped: observed.dropped,
        approximate: observed.approximate,
    }
}

/// One line for the status.
pub(crate) fn line(standing: &Standing) -> String {
    let Standing { trial, messages, .. } = standing;
    let what = match &trial.wish.mode {
        Mode::Shadow => format!("revision {} runs beside", trial.number),
        Mode::Watch => format!("revision {} is watched", trial.number),
        mode => format!("revision {} decides {}", trial.number, decides(mode, standing.stage)),
    };
    let paused = if standing.is_paused { ", paused" } else { "" };
    format!("{what} ({messages} of {} messages{paused})", trial.wish.bounds.messages)
}

fn decides(mode: &Mode, stage: usize) -> String {
    match mode {
        Mode::Shadow => "nothing".to_owned(),
        Mode::Watch => "everything".to_owned(),
        Mode::Filter(filter) => format!("messages with {} {}", filter.path, filter.values.join(" or ")),
        Mode::Shares { by, per_mille } => {
            let share = per_mille.get(stage).copied().unwrap_or_default();
            format!("{} of the messages, by {by}", show_share(u64::from(share)))
        }
    }
}

fn figures(figures: &engine::Figures) -> wire::Figures {
    wire::Figures {
        messages: figures.messages,
        processed: figures.processed,
        filtered: figures.filtered,
        rejected: figures.rejected,
        faulted: figures.faulted,
        fuel: figures.fuel_mean(),
        elapsed_us_median: figures.elapsed_us(500),
        elapsed_us_99: figures.elapsed_us(990),
    }
}
