// Writes the files of bin/cldr, which sets NAMES and DATES, the folders of the npm packages, and VERSION. With --check it only
// compares.
'use strict';

const fs = require('node:fs');

const { NAMES, DATES, VERSION } = process.env;
const OVERRIDES = 'bin/lib/country-names.tsv';
const COUNTRIES = 'src/values/country.rs';
// What a letter of a CLDR pattern becomes.
const DATE_FIELDS = { d: '{ $day }', MMMM: '{ $month }', M: '{ $month_number }', y: '{ $year }' };
// CLDR writes 1 novembre; French writes 1er novembre.
const OTHER_DAYS = { fr: { d: '{ $day ->\n    [one] 1er\n    [many] { $day }\n   *[other] { $day }\n}' } };
const DATE_TIME_FIELDS = (date) => ({ '{0}': '{ $time } UTC', '{1}': date });

class Refusal extends Error {}

function requireThat(condition, sentence) {
    if (!condition) throw new Refusal(sentence);
}

// Returns the data of a language in a JSON file of a package.
function cldr(folder, language, file) {
    const path = `${folder}/main/${language}/${file}.json`;
    requireThat(fs.existsSync(path), `CLDR ${VERSION} has no ${file} for the folder locales/${language}.`);
    return JSON.parse(fs.readFileSync(path, 'utf8')).main[language];
}

function territories(language) {
    return cldr(NAMES, language, 'territories').localeDisplayNames.territories;
}

// Returns the languages of locales/ but English, whose files are written by hand.
function languages() {
    const folders = fs.readdirSync('locales', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const names = folders.map((folder) => folder.name).filter((name) => name !== 'en');
    requireThat(names.length > 0, 'locales/ has no language but English.');
    const sortable = Intl.Collator.supportedLocalesOf(names);
    const unknown = names.filter((name) => !sortable.includes(name));
    requireThat(unknown.length === 0, `This Node.js cannot sort ${unknown.join(', ')}. Install one that has full ICU.`);
    return names;
}

// Returns the English names of the form by code.
function formCountries() {
    const rows = fs.readFileSync(COUNTRIES, 'utf8').match(/^ {4}\(".*$/gm) ?? [];
    requireThat(rows.length > 0, `${COUNTRIES} has no countries that bin/cldr can read.`);
    return new Map(rows.map((row) => {
        const [, code, name] = row.match(/\("([A-Z]{2})", "([^"]+)", \w+\),$/) ?? [];
        requireThat(name, `bin/cldr cannot read this line of ${COUNTRIES}: ${row.trim()}`);
        return [code, name];
    }));
}

// Returns the names that differ from CLDR by language and code, as "fr FR".
function overrides(known, countries) {
    const lines = fs.readFileSync(OVERRIDES, 'utf8').split('\n');
    const rows = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split('\t'));
    for (const [language, code, name, reason] of rows) {
        requireThat(name && reason, `${OVERRIDES}: ${language} ${code} needs a name and a reason.`);
        requireThat(known.includes(language), `${OVERRIDES}: locales/ has no ${language}.`);
        requireThat(countries.has(code), `${OVERRIDES}: the form has no country ${code}.`);
    }
    const names = new Map(rows.map(([language, code, name]) => [`${language} ${code}`, name]));
    requireThat(names.size === rows.length, `${OVERRIDES} names a country twice for the same language.`);
    return names;
}

// Returns CLDR's name. It is CLDR's short one where the form has CLDR's short English name.
function cldrName(code, form, english, translated) {
    const short = `${code}-alt-short`;
    const name = (form.get(code) === english[short] && translated[short]) || translated[code];
    requireThat(name, `CLDR ${VERSION} has no name for ${code}.`);
    return name.replaceAll("'", '’');
}

// Returns the first line of a file.
function heading(source) {
    return `# Written by bin/cldr. Source: Unicode CLDR ${VERSION}, ${source}. License: Unicode-3.0, in LICENSE-UNICODE.`;
}

// Returns the file of the names, in the order of the language.
function countryFile(language, form, overridden) {
    const english = territories('en');
    const translated = territories(language);
    const nameOf = (code) => {
        const name = cldrName(code, form, english, translated);
        const override = overridden.get(`${language} ${code}`);
        requireThat(name !== override, `${OVERRIDES}: CLDR has the same name for ${language} ${code}. Delete the line.`);
        return override ?? name;
    };
    const rows = Array.from(form.keys(), (code) => [code, nameOf(code)]);
    for (const [code, name] of rows) {
        const unfit = /['\t\p{Bidi_Control}]|^\s|\s$/u.test(name);
        requireThat(!unfit, `The ${language} name of ${code} has a straight apostrophe, a bidi mark, or a space at an end.`);
    }
    requireThat(new Set(rows.map(([, name]) => name)).size === rows.length, `Two countries have the same ${language} name.`);
    const { compare } = new Intl.Collator(language);
    rows.sort(([, one], [, other]) => compare(one, other));
    return `${heading(`cldr-localenames-full and ${OVERRIDES}`)}\n${rows.map((row) => `${row.join('\t')}\n`).join('')}`;
}

// Returns a CLDR pattern with its letters or numbers replaced. Text between apostrophes stays.
function fill(pattern, fields) {
    const parts = pattern.match(/'[^']+'|\{\d\}|([A-Za-z])\1*|[^A-Za-z'{]/gu) ?? [];
    const unknown = parts.find((part) => /^[A-Za-z{]/.test(part) && !fields[part]);
    requireThat(!unknown && parts.join('') === pattern, `bin/cldr cannot read CLDR’s pattern "${pattern}".`);
    return parts.map((part) => fields[part] ?? part.replaceAll("'", '')).join('');
}

// Returns the file of the dates.
function dateFile(language) {
    const { dateFormats, dateTimeFormats, months } = cldr(DATES, language, 'ca-gregorian').dates.calendars.gregorian;
    const date = fill(dateFormats.long, { ...DATE_FIELDS, ...OTHER_DAYS[language] });
    return `${heading('cldr-dates-full')}

# The names of the months inside a date
${Object.entries(months.format.wide).map(([number, name]) => `month-${number} = ${name}\n`).join('')}\
# The arguments are those of locales/en/dates.ftl.
date-and-time = ${fill(dateTimeFormats.long, DATE_TIME_FIELDS(date))}
date = ${date}
`;
}

// Returns the content of every file by its path.
function files() {
    const known = languages();
    const form = formCountries();
    const overridden = overrides(known, form);
    const written = known.flatMap((language) => [
        [`locales/${language}/countries.tsv`, countryFile(language, form, overridden)],
        [`locales/${language}/dates.ftl`, dateFile(language)],
    ]);
    return new Map([['LICENSE-UNICODE', fs.readFileSync(`${NAMES}/LICENSE`, 'utf8')], ...written]);
}

function isCurrent(path, content) {
    return fs.existsSync(path) && fs.readFileSync(path, 'utf8') === content;
}

function run() {
    const stale = Array.from(files()).filter(([path, content]) => !isCurrent(path, content));
    if (process.argv.includes('--check')) {
        const paths = stale.map(([path]) => path).join(', ');
        requireThat(stale.length === 0, `Not what bin/cldr writes: ${paths}. Run bin/cldr and commit.`);
    } else {
        for (const [path, content] of stale) fs.writeFileSync(path, content);
    }
}

try {
    run();
} catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    process.exitCode = 1;
}
