# Simplified Chinese: translated from English.

missing-organization-name = 请填写贵组织的名称
missing-domain-name = 请填写贵组织的域名。如果没有域名，请发送电子邮件至 info@npoc.org
missing-country = 请选择贵组织所在的国家或地区
missing-registered = 请选择贵组织是否已注册
missing-registration-note = 请填写注册机关和注册号，或贵组织没有注册的原因
missing-kind-of-work = 请选择贵组织的工作类别
missing-statement = 请说明贵组织的工作内容，以及希望加入的原因
missing-representative-name = 请填写组织代表的姓名
missing-representative-role = 请填写组织代表的职务
missing-representative-email = 请填写组织代表的电子邮箱地址
missing-alternate-name = 请一并填写候补代表的姓名，或将候补代表的两栏都留空
missing-alternate-email = 请一并填写候补代表的电子邮箱地址，或将候补代表的两栏都留空
missing-ncsg-status = 请选择贵组织是否为 NCSG 成员
missing-authorised = 请勾选“{ $choice }”，否则 NPOC 无法受理申请
missing-other = 请填写“{ $question }”

problem-too-short = “{ $question }”的内容太短。至少需要 { $min } 个字符，现有 { $given } 个
problem-statement-too-short = 请进一步介绍贵组织，并说明希望加入的原因。至少需要 { $min } 个字符，现有 { $given } 个
problem-too-long = “{ $question }”的内容太长。最多允许 { $max } 个字符，现有 { $given } 个
problem-damaged = 请重新填写“{ $question }”：部分文字在提交时损坏
problem-repeated = 请只填写一次“{ $question }”：收到了几个不同的内容
problem-not-offered = 请从列表中为“{ $question }”选择一项：列表中没有“{ $given }”
problem-website = 请填写完整的网站地址，不要有空格，例如 https://example.org；也可以留空

domain-no-dot = 请填写带有后缀的完整域名，例如 example.org
domain-ip-address = 请填写 example.org 这样的域名，不要填写 IP 地址
domain-empty-label = 域名各部分之间请只用一个点，例如 example.org
domain-space = 请填写一个没有空格的域名，例如 example.org
domain-character = 请填写不含“{ $character }”的域名，例如 example.org
domain-underscore = 请填写不含下划线（_）的域名：已注册的域名都没有下划线
domain-too-long = 请填写较短的域名。两个点之间最多 { $part } 个字符，总共最多 { $all } 个字符
domain-public-suffix = 请填写贵组织自己的域名：这只是一个后缀，其他域名注册在它之下
domain-email-address = 这是电子邮箱地址，请只填写域名，即 @ 之后的部分
domain-not-allowed = 请按注册时的写法填写域名，例如 example.org：其中有域名不允许使用的字符

email-no-at = “{ $question }”：请填写带有 @ 符号的地址，例如 name@example.org
email-many-ats = “{ $question }”：请只填写一个地址，其中只有一个 @ 符号
email-no-mailbox = “{ $question }”：请补上 @ 符号之前的部分，例如 name@example.org
email-no-domain = “{ $question }”：请补上 @ 符号之后的部分，例如 name@example.org
email-dots = “{ $question }”：地址中请不要有连续的两个点，开头、结尾和 @ 旁边也不要有点
email-space = “{ $question }”：地址中请不要有空格、换行或不可见字符
email-not-alone = “{ $question }”：请只填写地址，不要加上姓名、尖括号或 mailto:
email-too-long = “{ $question }”：请填写较短的地址。@ 之前最多 { $mailbox } 个字符，总共最多 { $all } 个字节。a 到 z 以外的字母和汉字，每个占两个或更多字节
email-not-public = “{ $question }”：请填写使用公共互联网域名的地址，例如 name@example.org
email-domain = “{ $question }”：请检查 @ 符号之后的部分，它不是域名
email-character = “{ $question }”：请填写不含“{ $character }”的地址
email-mailbox = “{ $question }”：请检查 @ 符号之前的部分，其中有电子邮箱地址不允许使用的字符
