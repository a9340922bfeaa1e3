//! The pages in a browser that drops the style sheet.

use serde_json::Value;

use super::State;
use crate::support::browser::in_a_browser;

/// Faults of the page without its style: sideways scrolling with elements that may cause it, and drawings that are too
/// large, lack an attribute, are filled with black by default or have hollow letters.
const FAULTS: &str = "
    document.querySelector('style').remove();
    const faults = [];
    const name = e => [e.tagName.toLowerCase(), e.id || e.getAttribute('class') || ''].join(' ').trim();
    if (document.documentElement.scrollWidth > innerWidth) {
        const isControl = e => e.matches('input, select, textarea, button');
        const wide = [...document.querySelectorAll('body :not(option)')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .sort((a, b) => isControl(b) - isControl(a) || b.getBoundingClientRect().width - a.getBoundingClientRect().width);
        faults.push('scrolls sideways to ' + document.documentElement.scrollWidth + ' px: '
            + wide.slice(0, 8).map(e => name(e) + ' ' + Math.round(e.getBoundingClientRect().width) + ' px').join(', '));
    }
    for (const svg of document.querySelectorAll('svg')) {
        const box = svg.getBoundingClientRect();
        if (box.width > innerWidth || box.height > innerHeight)
            faults.push(name(svg) + ' is ' + Math.round(box.width) + ' x ' + Math.round(box.height) + ' px');
        const missing = ['width', 'height', 'fill', 'stroke'].filter(attribute => !svg.hasAttribute(attribute));
        if (missing.length) faults.push(name(svg) + ' has no ' + missing.join(', '));
        const having = (selector, fill) => [...svg.querySelectorAll(selector)].filter(e => getComputedStyle(e).fill === fill);
        const black = having('path, circle, ellipse, rect, line, polyline, polygon', 'rgb(0, 0, 0)')
            .filter(e => !e.closest('[fill]'));
        if (black.length) faults.push(name(svg) + ' has ' + black.length + ' shapes filled with black');
        const hollow = having('text', 'none');
        if (hollow.length) faults.push(name(svg) + ' has ' + hollow.length + ' texts with hollow letters');
    }
    return faults;";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn pages_without_style_fit_a_phone() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        browser.size(360, 800).await;
        let empty = State::posted("refused, empty", "/membership", vec![("step", "check")]);
        let pages = ["/", "/join", "/about-icann", "/membership"].map(State::page);
        for state in pages.into_iter().chain([empty]) {
            state.show(browser).await;
            let faults = browser.js(FAULTS, Vec::new()).await;
            let faults = faults.as_array().unwrap().iter().filter_map(Value::as_str);
            found.extend(faults.map(|fault| format!("{}: {fault}", state.name)));
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}
