# Written by bin/cldr. Source: Unicode CLDR 48.2.0, cldr-dates-full. License: Unicode-3.0, in LICENSE-UNICODE.

# The names of the months inside a date
month-1 = يناير
month-2 = فبراير
month-3 = مارس
month-4 = أبريل
month-5 = مايو
month-6 = يونيو
month-7 = يوليو
month-8 = أغسطس
month-9 = سبتمبر
month-10 = أكتوبر
month-11 = نوفمبر
month-12 = ديسمبر
# The arguments are those of locales/en/dates.ftl.
date-and-time = { $day } { $month } { $year }، { $time } UTC
date = { $day } { $month } { $year }
