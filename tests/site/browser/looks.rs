//! How pages look, as far as a program can tell.

use serde_json::{Value, json};
use thirtyfour::common::print::PrintParameters;
use uuid::Uuid;

use super::{ARABIC, every_state};
use crate::support::browser::{Browser, in_a_browser};
use crate::support::good_with;

/// Texts that reach out of the window sideways, but for what only screen readers are to find.
const OUTSIDE: &str = "(() => {
    const cut = [...document.querySelectorAll('body *')].filter(e => {
        if (e.closest('.visually-hidden, .skip, svg, option') || !e.textContent.trim()) return false;
        const box = e.getBoundingClientRect();
        return box.width > 0 && (box.left < -1 || box.right > innerWidth + 1);
    });
    const scrolls = document.documentElement.scrollWidth > innerWidth;
    return cut.map(e => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 30))
        .concat(scrolls ? ['the page scrolls sideways'] : []);
})()";

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn nothing_scrolls_sideways_at_320_pixels_at_400_percent_with_wide_spacing_or_large_text() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        for state in every_state(browser).await {
            state.show(browser).await;
            for (setting, width, style) in SETTINGS {
                browser.size(width, 640).await;
                let script =
                    "const s = new CSSStyleSheet(); s.replaceSync(arguments[0]); document.adoptedStyleSheets = [s]";
                browser.js(script, vec![json!(style)]).await;
                let outside = browser.see(OUTSIDE).await;
                if outside != json!([]) {
                    found.push(format!("{} ({setting}): {outside}", state.name));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// 320 CSS pixels are 1280 at 400 % (WCAG 1.4.10); the spacing is that of WCAG 1.4.12.
const SETTINGS: [(&str, u32, &str); 4] = [
    ("320 pixels", 320, ""),
    (
        "wide spacing",
        320,
        "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
         p { margin-block-end: 2em !important }",
    ),
    ("text at 200 %", 320, "html { font-size: 200% }"),
    ("text at 200 % on a desk", 1280, "html { font-size: 200% }"),
];

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn what_is_pressed_is_large_enough_for_a_finger() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        browser.size(320, 640).await;
        for state in every_state(browser).await {
            state.show(browser).await;
            let small = browser.see(SMALL).await;
            if small != json!([]) {
                found.push(format!("{}: {small}", state.name));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// Under 44 pixels (WCAG 2.5.5, AAA), but for links within a sentence, what has a label to press, and what is not
/// shown at this width.
const SMALL: &str = "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, .choice label')]
    .filter(e => {
        if (e.matches('.skip, [type=radio], [type=checkbox]') || !e.getClientRects().length) return false;
        if (e.matches('a') && getComputedStyle(e).display === 'inline' && e.closest('p, li')) return false;
        const box = e.getBoundingClientRect();
        return box.height < 43.5 || box.width < 43.5;
    })
    .map(e => e.tagName + ' ' + (e.id || e.textContent.trim().slice(0, 30)) + ' ' + Math.round(e.getBoundingClientRect().height))";

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn answers_from_right_to_left_are_laid_out_so_and_the_page_is_not() {
    in_a_browser(async |browser| {
        browser.post("/membership", &good_with(ARABIC)).await;
        let directions = "[...document.querySelectorAll('.answer')].map(e => [
            e.querySelector('dt').textContent, getComputedStyle(e.querySelector('dd p') || e).direction])";
        let directions = browser.see(directions).await;
        let direction = |label: &str| {
            let rows = directions.as_array().unwrap();
            rows.iter().find(|row| row[0] == json!(label)).unwrap()[1].clone()
        };
        assert_eq!(direction("Name of the organization"), json!("rtl"));
        assert_eq!(
            direction("What the organization does, and why it wishes to join"),
            json!("rtl")
        );
        assert_eq!(direction("Email address of the representative"), json!("rtl"));
        assert_eq!(direction("Its name in Latin letters"), json!("ltr"), "as it begins");
        assert_eq!(direction("Domain name"), json!("ltr"));
        assert_eq!(
            browser.see("getComputedStyle(document.body).direction").await,
            json!("ltr")
        );

        for (phone, bidi) in [("+٢٠ ١٠٠ ١٢٣ ٤٥٦٧", "bidi-override"), ("هاتف 0123456", "isolate")] {
            let refused = [("representative_phone", phone), ("country", ""), ("step", "check")];
            browser.post("/membership", &good_with(&refused)).await;
            let laid_out = "getComputedStyle(document.querySelector('[name=representative_phone]')).unicodeBidi";
            assert_eq!(browser.see(laid_out).await, json!(bidi), "{phone}");
        }

        browser.open_page("/membership").await;
        for (name, typed, direction) in [
            ("organization_name", "مؤسسة", "rtl"),
            ("statement", "نعمل", "rtl"),
            ("representative_name", "Ann", "ltr"),
        ] {
            browser.tab_to(&format!("[name={name}]")).await;
            browser.keys(typed).await;
            let laid_out = browser.see("getComputedStyle(document.activeElement).direction").await;
            assert_eq!(laid_out, json!(direction), "{name}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn light_and_dark_are_two_color_schemes() {
    in_a_browser(async |browser| {
        browser.open_page("/membership").await;
        let mut colors = Vec::new();
        for scheme in ["light", "dark"] {
            browser.media(&[("prefers-color-scheme", scheme)]).await;
            colors.push(browser.see("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_eq!(colors, [json!("rgb(255, 255, 255)"), json!("rgb(11, 26, 36)")]);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn in_forced_colors_focus_fields_panels_and_problems_still_have_their_lines() {
    in_a_browser(async |browser| {
        browser.media(&[("forced-colors", "active")]).await;
        browser.post("/membership", &[("step", "check")]).await;
        for (selector, side) in [
            (".summary", "Top"),
            (".question--problem", "Left"),
            ("input[type=text]", "Bottom"),
            ("select", "Bottom"),
            ("textarea", "Bottom"),
            ("form.application > button", "Bottom"),
        ] {
            assert_line(browser, selector, side).await;
        }
        assert_line(browser, ".summary:focus", "Outline").await;
        browser.tab_to("[name=domain_name]").await;
        assert_line(browser, "[name=domain_name]", "Outline").await;
        browser.post("/membership", &good_with(super::QUESTIONABLE)).await;
        assert_line(browser, ".notice--warning", "Top").await;
        browser
            .open_page(browser.site.send(&[], Uuid::now_v7()).await.location())
            .await;
        assert_line(browser, ".panel", "Top").await;
    })
    .await;
}

/// A line that is drawn, and in another color than what lies behind it.
async fn assert_line(browser: &Browser, selector: &str, side: &str) {
    let script = "const e = document.querySelector(arguments[0]), s = getComputedStyle(e);
        const [style, width, color] = arguments[1] === 'Outline'
            ? [s.outlineStyle, s.outlineWidth, s.outlineColor]
            : ['Style', 'Width', 'Color'].map(part => s['border' + arguments[1] + part]);
        return style !== 'none' && parseFloat(width) >= 1 && color !== getComputedStyle(document.body).backgroundColor;";
    let drawn = browser.js(script, vec![json!(selector), json!(side)]).await;
    assert_eq!(drawn, json!(true), "{selector}, {side}");
}

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn nothing_moves_where_less_motion_is_asked_for() {
    in_a_browser(async |browser| {
        browser.open_page("/membership").await;
        let moving = "[...document.querySelectorAll('*')].filter(e => {
            const s = getComputedStyle(e);
            return s.animationName !== 'none' || s.transitionDuration.split(',').some(d => parseFloat(d) > .01);
        }).length";
        assert_ne!(browser.see(moving).await, json!(0), "there is something to still");
        browser.media(&[("prefers-reduced-motion", "reduce")]).await;
        assert_eq!(browser.see(moving).await, json!(0));
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: .ci/browser runs it"]
async fn the_receipt_prints_on_one_page_with_the_reference_and_without_the_navigation() {
    in_a_browser(async |browser| {
        browser
            .open_page(browser.site.send(&[], Uuid::now_v7()).await.location())
            .await;
        let pdf = browser.driver.print_page(PrintParameters::default()).await.unwrap();
        let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
        assert_eq!(pages, 1);
        let dark_on_paper =
            json!({ "media": "print", "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        browser.emulate("Emulation.setEmulatedMedia", dark_on_paper).await;
        let text = browser.see("document.body.innerText").await.to_string();
        let reference = browser.see("document.querySelector('.reference').textContent").await;
        for said in [
            reference.as_str().unwrap(),
            "what happens next",
            "how to reach NPOC",
            "info@npoc.org",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
        assert!(!text.contains("our goals") && !text.contains("Skip to"), "{text}");
        let colors = ["body", ".panel"]
            .map(|selector| format!("getComputedStyle(document.querySelector('{selector}')).backgroundColor"));
        for color in colors {
            assert_eq!(
                browser.see(&color).await,
                Value::from("rgb(255, 255, 255)"),
                "{color}: ink, not paper, is printed"
            );
        }
        assert_eq!(
            browser
                .see("getComputedStyle(document.querySelector('.reference')).color")
                .await,
            json!("rgb(0, 0, 0)")
        );
    })
    .await;
}
