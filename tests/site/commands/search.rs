//! Search finds applications and countries under any spelling.

use futures_util::TryStreamExt as _;
use npoc::locale::Language;
use npoc::membership::{self, Filter, Group, Search, index_all};
use sqlx::PgPool;

use crate::support::process::{Process, stdout_of, until};
use crate::support::{TestSite, database, send_body};

/// Returns the listed references under these filters, in order of arrival.
fn listed(site: &TestSite, conditions: &[&str]) -> Vec<String> {
    let list = stdout_of(site.command(&[&["applications", "list"], conditions].concat()));
    list.lines()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

async fn found(pool: &PgPool, needle: &str) -> Vec<String> {
    let filter = Filter {
        search: Some(Search::of(needle)),
        ..Filter::default()
    };
    let found: Vec<_> = membership::list(pool, filter).try_collect().await.unwrap();
    found.into_iter().map(|record| record.reference).collect()
}

async fn not_indexed(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM applications WHERE search_grams IS NULL")
        .fetch_one(pool)
        .await
        .unwrap()
}

const RIGHTS: &[(&str, &str)] = &[
    ("organization_name", "Inter\u{ad}national Oﬁce for Women’s Rights"),
    (
        "statement",
        "We speak for those “who cannot”—from 1990–1995 on.\nIn Côte d’Ivoire, Straße 5, Łódź and Đà Nẵng we teach.",
    ),
    ("representative_phone", "+225 (07) 12-34-56-78"),
];
const LIGHT: &[(&str, &str)] = &[
    ("organization_name", "مؤسسة النور الخيرية"),
    ("domain_name", "نور.مصر"),
    ("country", "EG"),
    ("statement", "نعمل من أجل الإسلام والتعليم في مصر منذ عام ١٩٩٠ كل يوم"),
];
const TOKYO: &[(&str, &str)] = &[
    ("organization_name", "東京ガイド財団"),
    ("domain_name", "bücher.example"),
    ("country", "JP"),
    ("representative_email", "info@bücher.example"),
    (
        "statement",
        "नेपाल में हिन्दी कुल। Αθήνας. Ёлка ждёт. 한국 각자. Iğdır ve İzmir bizim.",
    ),
];

/// Needles for each of the three applications. Each needle finds one alone.
#[rustfmt::skip]
const NEEDLES: [&[&str]; 3] = [
    &[
        "International", "Office for Women", "OFFICE FOR WOMEN", "Women's", "womens", "Women‘s rights", "Cote d'Ivoire", "COTE D’IVOIRE", "strasse 5",
        "Lodz", "da nang", "1990-1995", "\"who cannot\"", "cannot\"-from", "on. In cote", "712345678", "225 07 12345678",
        "  office   for ",
    ],
    &["النور", "موسسه", "الاسلام", "1990 كل", "مصر", "xn--wgbh1c", "http://نور.مصر/x", "ي"],
    &[
        "京", "東京ｶﾞｲﾄﾞ", "कुल", "ΑΘΗΝΑΣ", "елка ждет", "각자", "igdir", "IZMIR", "xn--bcher-kva.example", "Japan",
        "https://www.bücher.example/a", "INFO@xn--bcher-kva.example",
    ],
];
#[rustfmt::skip]
const NOTHING: [&str; 10] =
    ["か", "ガィド", "कल।", "가자", "’", "\u{ad}", "", "womens’ office", "npoc-", "1234567890123"];

#[tokio::test]
async fn search_finds_other_spellings() {
    let site = TestSite::new().await;
    let three = [
        site.apply(RIGHTS).await,
        site.apply(LIGHT).await,
        site.apply(TOKYO).await,
    ];
    for is_indexed in [false, true] {
        for (reference, needles) in three.iter().zip(NEEDLES) {
            let number = &reference["NPOC-".len()..];
            let spoken = number.replace('-', " ").to_lowercase();
            for needle in needles
                .iter()
                .chain(&[reference.as_str(), number, &spoken, &reference[..11]])
            {
                assert_eq!(
                    found(&site.pool, needle).await,
                    [reference.as_str()],
                    "{needle}, indexed: {is_indexed}"
                );
            }
        }
        for nothing in NOTHING {
            assert!(
                found(&site.pool, nothing).await.is_empty(),
                "{nothing:?}, indexed: {is_indexed}"
            );
        }
        assert_eq!(found(&site.pool, "e").await.len(), 3);
        index_all(&site.connections, &site.outbox).await.unwrap();
        assert_eq!(not_indexed(&site.pool).await, 0);
    }
    let [rights, light, _] = &three;
    assert_eq!(listed(&site, &["--text", "Cote d'Ivoire"]), [rights.as_str()]);
    assert_eq!(
        listed(&site, &["--text", "النور", "--country", "Egypt"]),
        [light.as_str()]
    );
}

#[tokio::test]
async fn index_finds_every_part_of_every_answer() {
    let site = TestSite::new().await;
    for changes in [RIGHTS, LIGHT, TOKYO] {
        site.apply(changes).await;
    }
    index_all(&site.connections, &site.outbox).await.unwrap();
    let all: Vec<_> = membership::list(&site.pool, Filter::default())
        .try_collect()
        .await
        .unwrap();
    for record in &all {
        let answers = record.answers();
        let of_group = |group| npoc::membership::words::answers_in_words(Language::En, &answers, group);
        for answer in Group::ALL.into_iter().flat_map(of_group) {
            let answer: Vec<char> = answer.lines.join("\n").chars().collect();
            for (at, length) in (0..answer.len()).step_by(3).zip([1, 2, 3, 5, 20].into_iter().cycle()) {
                let part: String = answer[at..].iter().take(length).collect();
                let search = Search::of(&part);
                let expected: Vec<_> = all
                    .iter()
                    .filter(|one| search.matches(one))
                    .map(|one| one.reference.clone())
                    .collect();
                assert_eq!(found(&site.pool, &part).await, expected, "{part:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_site_indexes_new_and_old_applications() {
    let before = TestSite::new().await;
    before.apply(&[]).await;
    let home = std::env::temp_dir().join(format!("npoc-search-{}", uuid::Uuid::new_v4()));
    let site = Process::start(&[
        ("DATABASE_URL", &database::url(&before.pool.connect_options())),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
    ]);
    let wait = async |stored: i64| {
        let indexed = "SELECT count(*) FROM applications WHERE search_grams IS NOT NULL";
        while sqlx::query_scalar::<_, i64>(indexed)
            .fetch_one(&before.pool)
            .await
            .unwrap()
            < stored
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let limit = crate::support::process::TIMEOUT;
    tokio::time::timeout(limit, wait(1))
        .await
        .expect("the earlier application is indexed");
    let sent = send_body(uuid::Uuid::now_v7());
    Process::post_until_stored(site.address, &sent);
    tokio::time::timeout(limit, wait(2))
        .await
        .expect("the new application is indexed");
    site.terminate();
    until(|| site.log().contains("stopped"));
    drop(std::fs::remove_dir_all(home));
}

#[tokio::test]
async fn locked_application_is_indexed_later() {
    let site = TestSite::new().await;
    let held = site.apply(&[]).await;
    let free = site.apply(&[]).await;
    let mut other = site.pool.begin().await.unwrap();
    npoc::membership::lock(&mut *other, &held).await.unwrap();
    index_all(&site.connections, &site.outbox).await.unwrap();
    assert_eq!(not_indexed(&site.pool).await, 1);
    assert_eq!(
        found(&site.pool, "afya bora").await,
        [held.as_str(), &free],
        "search finds both"
    );
    other.commit().await.unwrap();
    let (one, two) = tokio::join!(
        index_all(&site.connections, &site.outbox),
        index_all(&site.connections, &site.outbox)
    );
    one.and(two).unwrap();
    assert_eq!(not_indexed(&site.pool).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_waits_for_indexing() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE outbox SET sent_at = now()").await;
    let mut indexing = site.pool.begin().await.unwrap();
    sqlx::query("UPDATE applications SET search_grams = '{}'")
        .execute(&mut *indexing)
        .await
        .unwrap();
    let ending = async {
        database::await_blocked(&site.pool).await;
        indexing.commit().await.unwrap();
    };
    let erasing = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let erased = scope.spawn(|| stdout_of(site.command(&["applications", "erase", &reference, "--yes"])));
            tokio::runtime::Handle::current().block_on(ending);
            erased.join().unwrap()
        })
    });
    assert_eq!(erasing, "The application is erased.\n");
    assert_eq!(site.count("applications").await, 0);
}

#[tokio::test]
async fn search_reads_the_index_and_not_the_table() {
    let site = TestSite::new().await;
    site.apply(RIGHTS).await;
    site.sql(MANY).await;
    site.apply(TOKYO).await;
    index_all(&site.connections, &site.outbox).await.unwrap();
    site.sql("ANALYZE").await;
    let scans = async |what: &'static str| {
        sqlx::query_scalar::<_, Option<i64>>(what)
            .fetch_one(&site.pool)
            .await
            .unwrap()
    };
    let of_index = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'applications_search_grams'";
    let of_table = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'applications'";
    let before = scans(of_table).await;
    let options = site.pool.connect_options();
    for needle in ["Cote d'Ivoire", "京", "Oﬃ"] {
        // One prepared statement on one connection, until the server has chosen its generic plan.
        let pool = PgPool::connect_with((*options).clone()).await.unwrap();
        let mut connection = pool.begin().await.unwrap();
        npoc::membership::prepare_search(&mut *connection).await.unwrap();
        for _ in 0..12 {
            let filter = Filter {
                search: Some(Search::of(needle)),
                ..Filter::default()
            };
            let found: Vec<_> = membership::list(&mut *connection, filter).try_collect().await.unwrap();
            assert_eq!(found.len(), 1, "{needle}");
        }
        drop(connection);
        pool.close().await;
    }
    let counted = async {
        while scans(of_index).await < Some(36) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::process::TIMEOUT, counted)
        .await
        .expect("each search reads the index");
    assert_eq!(scans(of_table).await, before);
}

/// Enough applications that the planner prefers the index. None matches a needle.
const MANY: &str = "
    INSERT INTO applications (reference, submission_key, receipt_secret, organization_name, domain_name,
        domain_name_ascii, country, registered, registration_note, kind_of_work, statement, representative_name,
        representative_role, representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list, search_grams)
    SELECT 'NPOC-' || translate(substr(name, 1, 4), '012568BFUSZO', 'ACDEGHJKMNPQ') || '-'
            || translate(substr(name, 5), '012568BFUSZO', 'ACDEGHJKMNPQ'),
        gen_random_uuid(), gen_random_uuid(), name, 'many.org', 'many.org', 'KE', true, 'NGO Board', 'health',
        repeat('We run posts. ', 40), 'Ann', 'Director', 'ann@many.org', 'unsure', '{}', true, true, false,
        ARRAY(SELECT n * 7 FROM generate_series(1, 50) AS n)
    FROM (SELECT upper(lpad(to_hex(n::bigint * 2654435761 % 4294967296), 8, '0')) AS name FROM generate_series(1, 30000) AS n) AS many
    ON CONFLICT DO NOTHING";

#[tokio::test]
async fn export_accepts_the_filters_of_a_list() {
    let site = TestSite::new().await;
    let rights = site.apply(RIGHTS).await;
    let light = site.apply(LIGHT).await;
    site.sql("UPDATE applications SET received_at = '2026-01-31 12:00Z', is_suspected = true WHERE country = 'EG'")
        .await;
    let all = [rights.as_str(), &light];
    for (conditions, expected) in [
        (&[][..], &all[..]),
        (&["--text", "WOMENS"], &all[..1]),
        (&["--country", "Egypt"], &all[1..]),
        (&["--region", "africa", "--text", "النور"], &all[1..]),
        (&["--until", "2026-01-31"], &all[1..]),
        (&["--since", "2026-02-01"], &all[..1]),
        (&["--state", "suspected"], &all[1..]),
        (&["--text", "nothing of this"], &[]),
    ] {
        for format in ["csv", "jsonl"] {
            let arguments = [&["applications", "export", "--format", format], conditions].concat();
            let written = stdout_of(site.command(&arguments));
            let mut found: Vec<_> = all.iter().filter(|reference| written.contains(**reference)).collect();
            found.sort();
            let mut expected: Vec<_> = expected.iter().collect();
            expected.sort();
            assert_eq!(found, expected, "{arguments:?}");
        }
    }
    let both = site.command(&["applications", "export", "--reference", &rights, "--text", "x"]);
    assert_eq!(both.status.code(), Some(2));
}

#[tokio::test]
async fn country_is_found_by_common_and_former_names() {
    let site = TestSite::new().await;
    for code in ["TR", "CI", "XK", "KR"] {
        site.apply(&[("country", code)]).await;
    }
    let all = listed(&site, &[]);
    for (name, index) in [
        ("Turkey", 0),
        ("turkiye", 0),
        ("Ivory Coast", 1),
        ("Côte d'Ivoire", 1),
        ("cote d’ivoire", 1),
        ("Kosovo", 2),
        ("xkx", 2),
        ("Korea, South", 3),
        ("Republic of Korea", 3),
    ] {
        assert_eq!(listed(&site, &["--country", name]), [all[index].as_str()], "{name}");
        let exported = stdout_of(site.command(&["applications", "export", "--country", name]));
        assert!(exported.contains(&all[index]), "{name}");
    }
    for (name, near) in [
        ("Korea", "Korea (North) (KP), Korea (South) (KR)"),
        ("Turky", "Türkiye (TR)"),
    ] {
        let ended = site.command(&["applications", "list", "--country", name]);
        assert_eq!(ended.status.code(), Some(2));
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(stderr.contains(near), "{stderr}");
    }
}

#[tokio::test]
async fn form_lists_kosovo_and_former_country_names() {
    let site = TestSite::new().await;
    let form = site.get("/membership").await;
    let names = form.all("select[name=country] option");
    let codes = form.attributes("select[name=country] option", "value");
    for (name, code) in [
        ("Ivory Coast (Côte d’Ivoire)", "CI"),
        ("Turkey (Türkiye)", "TR"),
        ("Kosovo", "XK"),
        ("South Korea", "KR"),
        ("Swaziland (Eswatini)", "SZ"),
    ] {
        let at = names
            .iter()
            .position(|one| one == name)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(codes[at], code, "{name}");
    }
    assert!(
        form.text_of("#country-hint")
            .contains("select the nearest and say so under “About the registration”")
    );
    let given = site.check(&[("country", "ci"), ("statement", "")]).await;
    assert_eq!(given.all("select[name=country] option[selected]"), ["Côte d’Ivoire"]);
    assert_eq!(site.check(&[("country", "Kenya")]).await.status, 422);
    let reference = site.apply(&[("country", "XK")]).await;
    let shown = stdout_of(site.command(&["applications", "show", &reference]));
    assert!(shown.contains("Kosovo") && shown.contains("Europe"), "{shown}");
}
