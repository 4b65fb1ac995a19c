//! Messages into the journal, each durable before its task goes on: what group commit gives.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use transfuse_harness::observation;
use transfuse_store::{Arrival, Decision, NewOutput, Sealed, Store, StoreSettings};

pub(crate) const NAME: &str = "append with sync, 32 waiting, 1 KB in and 1 KB out";

const WAITING: usize = 32;
const EACH: usize = 2_000;

/// Messages a second.
pub(crate) fn measure() -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let opened = Store::open(StoreSettings::new(folder.path().join("data")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let store = opened.store;
    let started = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..WAITING).map(|_| tokio::spawn(append(store.clone()))).collect();
        for task in tasks {
            task.await??;
        }
        anyhow::Ok(())
    })?;
    let elapsed = started.elapsed();
    runtime.block_on(store.shutdown());
    Ok((WAITING * EACH) as f64 / elapsed.as_secs_f64())
}

async fn append(store: Store) -> Result<()> {
    let raw = Sealed::from(observation("BENCH"));
    for _ in 0..EACH {
        let received = store.receive(Arrival {
            interface: Arc::from("bench"),
            revision: 1,
            received_at_ms: 1_795_425_300_000,
            source: "bench".to_owned(),
            control_id: "BENCH".to_owned(),
            message_type: "ORU^R01".to_owned(),
            raw: raw.clone(),
            digest: None,
        });
        let outputs = vec![NewOutput {
            content: raw.clone(),
            content_type: None,
            destinations: Vec::new(),
            stopped: None,
        }];
        let committed = store
            .decide(
                received,
                Decision::Processed {
                    outputs,
                    state: Vec::new(),
                    detail: Sealed::default(),
                },
            )
            .await?;
        ensure!(committed.deliveries() == 0, "nothing was to be delivered");
    }
    Ok(())
}
