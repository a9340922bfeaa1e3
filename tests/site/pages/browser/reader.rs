//! The pages in a reader view.

use npoc::web::Page;
use serde_json::json;

use crate::support::browser::in_a_browser;

/// The blocks of text that Readability drops. Blocks of a few characters do not count.
const LEFT_OUT: &str = "
    const words = e => e.textContent.replace(/\\s+/g, ' ').trim();
    const copy = document.cloneNode(true);
    copy.querySelectorAll('svg').forEach(svg => svg.remove());
    const blocks = [...copy.querySelectorAll('main :is(h2, h3, p, li, dt, dd, th, td, figcaption)')]
        .map(words).filter(text => text.length > 12);
    const article = new Readability(copy).parse();
    const read = document.createElement('div');
    read.innerHTML = article ? article.content : '';
    const kept = words(read);
    return { blocks: blocks.length, leftOut: blocks.filter(text => !kept.includes(text)) };";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn reader_view_shows_whole_pages() {
    let path = std::env::var("READABILITY").expect("READABILITY is the path of Readability: bin/browser fetches it");
    let readability = std::fs::read_to_string(path).unwrap();
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        let pages = Page::ALL.iter().filter(|page| **page != Page::MEMBERSHIP);
        for path in pages.map(|page| page.path).chain(["/no-such-page"]) {
            browser.open_page(path).await;
            let seen = browser.js(&format!("{readability}{LEFT_OUT}"), Vec::new()).await;
            assert!(
                seen["blocks"].as_u64().unwrap() > 3,
                "{path} has too little text: {seen}"
            );
            if seen["leftOut"] != json!([]) {
                found.push(format!("{path}: {}", seen["leftOut"]));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}
