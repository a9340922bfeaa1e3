# Written by bin/cldr. Source: Unicode CLDR 48.2.0, cldr-dates-full. License: Unicode-3.0, in LICENSE-UNICODE.

# The names of the months inside a date
month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
# The arguments are those of locales/en/dates.ftl.
date-and-time = { $day ->
    [one] 1er
    [many] { $day }
   *[other] { $day }
} { $month } { $year }, { $time } UTC
date = { $day ->
    [one] 1er
    [many] { $day }
   *[other] { $day }
} { $month } { $year }
