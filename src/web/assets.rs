//! Pictures, compiled in. Each but one has a digest of its content in its name, so that caches may keep it for good.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue};

use crate::http::prepared::{Constant, Constants, digest};

/// A picture and where it is.
#[derive(Debug)]
pub struct StaticFile {
    /// Its path.
    pub path: String,
    content: &'static [u8],
    content_type: &'static str,
    cache_control: &'static str,
}

/// Never asked for again: other content has another path.
const FOR_GOOD: &str = "max-age=31536000, immutable";

/// For the one whose path is known to browsers without us.
const A_DAY: &str = "max-age=86400";

/// The icon for those who take shapes.
pub static ICON: LazyLock<StaticFile> = LazyLock::new(|| {
    StaticFile::named(
        "icon",
        "svg",
        "image/svg+xml; charset=utf-8",
        include_bytes!("../../static/icon.svg"),
    )
});

/// The icon on the home screen of a telephone.
pub static TOUCH_ICON: LazyLock<StaticFile> = LazyLock::new(|| {
    StaticFile::named(
        "touch-icon",
        "png",
        "image/png",
        include_bytes!("../../static/touch-icon.png"),
    )
});

/// What others show beside a link to us: 1200 by 630 pixels.
pub static PREVIEW: LazyLock<StaticFile> = LazyLock::new(|| {
    StaticFile::named(
        "preview",
        "png",
        "image/png",
        include_bytes!("../../static/preview.png"),
    )
});

/// The icon that browsers ask for unasked.
static FAVICON: LazyLock<StaticFile> = LazyLock::new(|| StaticFile {
    path: "/favicon.ico".into(),
    content: include_bytes!("../../static/favicon.ico"),
    content_type: "image/x-icon",
    cache_control: A_DAY,
});

impl StaticFile {
    fn named(stem: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        Self {
            path: format!("/static/{stem}.{}.{extension}", digest(content)),
            content,
            content_type,
            cache_control: FOR_GOOD,
        }
    }
}

/// All of them, to be answered. Others may show them in their pages, beside a link to us.
///
/// # Errors
/// None that memory does not cause.
pub fn all(every: &HeaderMap) -> anyhow::Result<Constants> {
    let mut every = every.clone();
    let anywhere = HeaderValue::from_static("cross-origin");
    every.insert("cross-origin-resource-policy", anywhere);
    let mut all = Constants::new();
    for file in [&ICON, &TOUCH_ICON, &PREVIEW, &FAVICON] {
        let constant = Constant::new(file.content, file.content_type, file.cache_control, &every)?;
        all.insert(file.path.as_str().into(), constant);
    }
    Ok(all)
}
