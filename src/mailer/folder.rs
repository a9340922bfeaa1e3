//! Mail as files, for a site at home: what a relay would get, to be opened by any mail program.

use std::path::Path;

use tokio::fs::{DirBuilder, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// Named after the Message-ID, so that a mail written twice is there once; renamed into place, so
/// that half a mail is never seen; readable by the site's own user only.
pub async fn save(folder: &Path, message_id: &str, message: &[u8]) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
    let name = message_id
        .trim_matches(['<', '>'])
        .split('@')
        .next()
        .unwrap_or_default();
    let unfinished = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .await?;
    file.write_all(message).await?;
    file.sync_all().await?;
    tokio::fs::rename(&unfinished, folder.join(format!("{name}.eml"))).await
}
