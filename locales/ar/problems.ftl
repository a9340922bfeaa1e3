# Arabic: translated from English.
missing-organization-name = يُرجى إدخال اسم منظمتكم
missing-domain-name = يُرجى إدخال اسم نطاق منظمتكم. وإذا لم يكن لها اسم نطاق، فيُرجى الكتابة إلى info@npoc.org
missing-country = يُرجى اختيار بلد منظمتكم أو إقليمها
missing-registered = يُرجى تحديد ما إذا كانت منظمتكم مسجَّلة
missing-registration-note = يُرجى إدخال جهة التسجيل ورقم التسجيل، أو سبب عدم تسجيل منظمتكم
missing-kind-of-work = يُرجى اختيار نوع العمل الذي تقوم به منظمتكم
missing-statement = يُرجى ذكر ما تقوم به منظمتكم وسبب رغبتها في الانضمام
missing-representative-name = يُرجى إدخال الاسم الكامل لممثل منظمتكم
missing-representative-role = يُرجى إدخال صفة الممثل في منظمتكم
missing-representative-email = يُرجى إدخال عنوان البريد الإلكتروني لممثل منظمتكم
missing-alternate-name = يُرجى إدخال اسم الممثل البديل أيضًا، أو ترك خانتي الممثل البديل فارغتين
missing-alternate-email = يُرجى إدخال عنوان البريد الإلكتروني للممثل البديل أيضًا، أو ترك خانتي الممثل البديل فارغتين
missing-ncsg-status = يُرجى تحديد ما إذا كانت منظمتكم عضوًا في NCSG
missing-authorised = يُرجى اختيار «{ $choice }». فمن دون ذلك لا تستطيع NPOC قبول الطلب
missing-other = يُرجى الإجابة عن السؤال «{ $question }»

problem-too-short = الإجابة عن «{ $question }» قصيرة جدًا. عدد الأحرف المطلوب: { $min } على الأقل. عدد الأحرف الآن: { $given }
problem-statement-too-short = يُرجى كتابة المزيد عن منظمتكم وعن سبب رغبتها في الانضمام. عدد الأحرف المطلوب: { $min } على الأقل. عدد الأحرف الآن: { $given }
problem-too-long = الإجابة عن «{ $question }» طويلة جدًا. عدد الأحرف المسموح به: { $max } على الأكثر. عدد الأحرف الآن: { $given }
problem-damaged = يُرجى إدخال الإجابة عن «{ $question }» من جديد: فقد تلف جزء من النص عند إرساله
problem-repeated = يُرجى الإجابة عن «{ $question }» مرة واحدة فقط: فقد وصلت إجابات مختلفة
problem-not-offered = يُرجى اختيار إجابة عن «{ $question }» من القائمة: فالإجابة «{ $given }» ليست فيها
problem-website = يُرجى إدخال عنوان موقعكم الإلكتروني كاملًا ومن دون مسافات، مثل https://example.org، أو ترك الخانة فارغة

domain-no-dot = يُرجى إدخال اسم النطاق كاملًا مع امتداده، مثل example.org
domain-ip-address = يُرجى إدخال اسم نطاق مثل example.org بدلًا من عنوان IP
domain-empty-label = يُرجى إدخال اسم النطاق بنقطة واحدة بين أجزائه، مثل example.org
domain-space = يُرجى إدخال اسم نطاق واحد من دون مسافات، مثل example.org
domain-character = يُرجى إدخال اسم النطاق من دون «{ $character }»، مثل example.org
domain-underscore = يُرجى إدخال اسم النطاق من دون شرطة سفلية ( _ ): فلا وجود لها في أي اسم نطاق مسجَّل
domain-too-long = يُرجى إدخال اسم نطاق أقصر. عدد الأحرف بين نقطتين: { $part } على الأكثر. عدد الأحرف الإجمالي: { $all } على الأكثر
domain-public-suffix = يُرجى إدخال اسم النطاق الخاص بمنظمتكم: فهذا مجرد امتداد تُسجَّل تحته أسماء أخرى
domain-email-address = يُرجى إدخال اسم النطاق فقط، أي الجزء الذي يلي العلامة @: فهذا عنوان بريد إلكتروني كامل
domain-not-allowed = يُرجى إدخال اسم النطاق كما هو مسجَّل، على غرار example.org: ففي الاسم الذي أدخلتموه رمز لا تسمح به أسماء النطاقات

email-no-at = «{ $question }»: يُرجى إدخال عنوان فيه العلامة @، مثل name@example.org
email-many-ats = «{ $question }»: يُرجى إدخال عنوان واحد فقط، فيه علامة @ واحدة
email-no-mailbox = «{ $question }»: يُرجى إدخال الجزء الذي يسبق العلامة @ أيضًا، مثل name@example.org
email-no-domain = «{ $question }»: يُرجى إدخال الجزء الذي يلي العلامة @ أيضًا، مثل name@example.org
email-dots = «{ $question }»: يُرجى إدخال العنوان من دون نقطتين متتاليتين، ومن دون نقطة في أوله أو في آخره أو بجوار العلامة @
email-space = «{ $question }»: يُرجى إدخال العنوان من دون مسافات أو فواصل أسطر أو رموز غير مرئية
email-not-alone = «{ $question }»: يُرجى إدخال العنوان وحده، من دون اسم أو أقواس زاوية أو كلمة mailto
email-too-long = «{ $question }»: يُرجى إدخال عنوان أقصر. عدد الأحرف قبل العلامة @: { $mailbox } على الأكثر. عدد البايتات الإجمالي: { $all } على الأكثر. وكل حرف غير الأحرف من a إلى z يشغل بايتين أو أكثر
email-not-public = «{ $question }»: يُرجى إدخال عنوان باسم نطاق عام، مثل name@example.org
email-domain = «{ $question }»: يُرجى التحقق من الجزء الذي يلي العلامة @: فهو ليس اسم نطاق
email-character = «{ $question }»: يُرجى إدخال العنوان من دون «{ $character }»
email-mailbox = «{ $question }»: يُرجى التحقق من الجزء الذي يسبق العلامة @: ففيه رمز لا يسمح به البريد الإلكتروني
