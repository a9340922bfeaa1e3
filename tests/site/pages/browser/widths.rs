//! The header and unbroken words at every width and default text size.

use std::collections::BTreeMap;

use npoc::locale::Language;
use npoc::web::Page;
use serde_json::json;

use crate::support::browser::{Browser, in_a_browser};

/// Default text sizes in pixels: the browsers' own, and larger ones that readers choose.
const TEXT_SIZES: [u32; 4] = [16, 20, 24, 32];

/// Pixels from one width to the next.
const STEP: usize = 10;

/// Shows the page in a frame of each width. Finds the links and buttons of its header that overlap, are covered or leave the
/// frame, and whether the page scrolls sideways. A frame resizes in half the time of a window, and needs no request for each.
const HEADER_FAULTS: &str = "
    const frame = document.createElement('iframe');
    frame.style.cssText = 'border: 0; flex: none; max-width: none; height: 900px';
    const html = document.documentElement.outerHTML;
    document.body.replaceChildren(frame);
    const page = frame.contentDocument;
    page.write('<!doctype html>' + html);
    page.close();
    // A drawing that its link cuts off ends with the link.
    const boxes = e => getComputedStyle(e).overflowX === 'visible'
        ? [e, ...e.querySelectorAll('svg, img')].flatMap(part => [...part.getClientRects()])
        : [...e.getClientRects()];
    const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) >= 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) >= 1;
    // Not the corners: a click on a rounded corner misses the link.
    const isCovered = (e, box) => [box.left + 2, (box.left + box.right) / 2, box.right - 2].some(x => {
        const hit = page.elementFromPoint(x, (box.top + box.bottom) / 2);
        return hit && !e.contains(hit);
    });
    const faultsAt = width => {
        frame.style.width = width + 'px';
        const links = [...page.querySelectorAll('header :is(a, button)')]
            .map(e => ({ e, name: e.textContent.trim() || e.className, boxes: boxes(e) }));
        const faults = links.flatMap((link, i) => links.slice(i + 1)
            .filter(other => link.boxes.some(a => other.boxes.some(b => overlap(a, b))))
            .map(other => link.name + ' overlaps ' + other.name));
        for (const { e, name, boxes } of links) {
            if (boxes.length === 0) faults.push(name + ' is hidden');
            else if (boxes.some(b => b.left < -1 || b.top < -1 || b.right > width + 1)) faults.push(name + ' leaves the window');
            else if (isCovered(e, boxes[0])) faults.push(name + ' is covered');
        }
        if (links.length < 6) faults.push('only ' + links.length + ' links');
        if (page.documentElement.clientWidth !== width) faults.push('the frame has another width');
        if (page.documentElement.scrollWidth > width) faults.push('the page scrolls sideways');
        return faults;
    };
    return arguments[0].map(faultsAt);";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn header_links_never_overlap_at_any_width() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        browser.size(1400, 900).await;
        for path in ["/", "/join", "/membership", "/fr/", "/ar/join", "/ru/membership"] {
            for text in TEXT_SIZES {
                browser.text_size(text).await;
                browser.open_page(path).await;
                for (fault, widths) in header_faults(browser).await {
                    found.push(format!("{path}, {text} px text, {}: {fault}", ranges(&widths)));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// Returns the faults of the open page's header, each with the widths at which it occurs.
async fn header_faults(browser: &Browser) -> BTreeMap<String, Vec<u32>> {
    let widths: Vec<u32> = (320..=1400).step_by(STEP).collect();
    let found = browser.js(HEADER_FAULTS, vec![json!(widths)]).await;
    let mut faults = BTreeMap::<String, Vec<u32>>::new();
    for (width, found) in widths.iter().zip(found.as_array().unwrap()) {
        for fault in found.as_array().unwrap() {
            let fault = fault.as_str().unwrap().to_owned();
            faults.entry(fault).or_default().push(*width);
        }
    }
    faults
}

/// Returns widths in steps as ranges, such as `520–640 px, 800–800 px`.
fn ranges(widths: &[u32]) -> String {
    let ranges = widths.chunk_by(|width, next| width.abs_diff(*next) as usize == STEP);
    let ranges = ranges.map(|range| format!("{}–{} px", range[0], range[range.len() - 1]));
    ranges.collect::<Vec<_>>().join(", ")
}

/// The number of elements that must stay on one line, and the texts of those that do not.
const BROKEN: &str = "(() => {
    const whole = [...document.querySelectorAll('.whole')];
    const lines = e => {
        const range = document.createRange();
        range.selectNodeContents(e);
        return new Set([...range.getClientRects()].map(box => box.top)).size;
    };
    const broken = whole.filter(e => lines(e) !== 1);
    return { whole: whole.length, broken: broken.map(e => e.textContent.trim()) };
})()";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn title_words_are_never_broken() {
    in_a_browser(async |browser| {
        let (mut seen, mut found) = (0, Vec::new());
        let in_languages = |page: &'static Page| Language::ALL.map(|language| page.address(language).to_string());
        for path in Page::ALL.iter().flat_map(in_languages) {
            browser.open_page(&path).await;
            for width in [320, 360, 390, 414] {
                browser.size(width, 900).await;
                let answer = browser.see(BROKEN).await;
                seen += answer["whole"].as_u64().unwrap();
                if answer["broken"] != json!([]) {
                    found.push(format!("{path}, {width} px: {}", answer["broken"]));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
        assert!(seen > 0, "no element has the class `whole`");
    })
    .await;
}
