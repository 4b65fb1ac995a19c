//! Questions to the store, which block, asked by tasks, which must not.

use transfuse_store::ReadError;

/// Asks on a thread that may block. A thread that panicked has found nothing.
pub(crate) async fn asked<T>(question: impl FnOnce() -> Result<T, ReadError> + Send + 'static) -> Result<T, ReadError>
where
    T: Send + Default + 'static,
{
    tokio::task::spawn_blocking(question)
        .await
        .unwrap_or_else(|_| Ok(T::default()))
}
