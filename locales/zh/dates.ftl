# Written by bin/cldr. Source: Unicode CLDR 48.2.0, cldr-dates-full. License: Unicode-3.0, in LICENSE-UNICODE.

# The names of the months inside a date
month-1 = 一月
month-2 = 二月
month-3 = 三月
month-4 = 四月
month-5 = 五月
month-6 = 六月
month-7 = 七月
month-8 = 八月
month-9 = 九月
month-10 = 十月
month-11 = 十一月
month-12 = 十二月
# The arguments are those of locales/en/dates.ftl.
date-and-time = { $year }年{ $month_number }月{ $day }日 { $time } UTC
date = { $year }年{ $month_number }月{ $day }日
