# Simplified Chinese: translated from English.

domain-link-heading = 您的域名
domain-link-text = 请证明贵组织控制其域名。这不是必需的，但可以方便审核。
domain-link = 证明域名控制权

domain-title = 您的域名 – NPOC
domain-heading = 证明域名控制权
domain-lead = 您的申请中填写的域名是 { $domain }。证明贵组织控制该域名，可以方便审核。这不是必需的：NPOC 会审核每一份申请。以下方式任选一种即可。
domain-proved-heading = 您的域名控制权已得到证明
domain-proved-dns = 我们于 { $day } 找到了您的 DNS 记录。您现在可以删除该记录。
domain-proved-web = 我们于 { $day } 在您的网站上找到了该文件。您现在可以删除该文件。
domain-back = 返回您的申请页面
domain-not-now-heading = 目前无需证明
domain-not-now-text = NPOC 目前没有在审核您的申请。

domain-dns-heading = 使用 DNS 记录
domain-dns-text = 请在管理您的 DNS 的地方添加以下记录，通常是在向您出售域名的公司那里。
domain-record-type = 类型
domain-record-host = 名称或主机记录
domain-record-hint = 许多表单会自动加上域名。在这样的表单中，请只填写 { $label }。
domain-record-value = 记录值或文本

domain-web-heading = 使用您网站上的文件
domain-web-text = 请在以下地址放置一个文本文件，其中只包含下面的文字，不要有其他内容。该地址必须能通过 https 访问。
domain-file-address = 地址
domain-file-content = 文件内容

domain-mail-heading = 使用该域名下的邮箱
domain-mail-text = 我们会将验证码发送到组织代表的电子邮箱地址，该地址属于此域名。验证码可以表明您在此域名下有邮箱。这种方式的说服力不如另外两种。
domain-mail-send = 发送验证码
domain-mail-label = 验证码
domain-mail-hint = 我们邮件中的 8 个字母。验证码 24 小时内有效
domain-mail-check = 核对验证码
domain-mail-wrong = 验证码有误。请与我们最近的一封邮件核对
domain-mail-over = 此验证码已失效。请发送新的验证码
domain-mail-limited = 今天我们无法再发送有关您的申请的邮件。请明天再试
domain-mail-unreachable = 我们发给组织代表的邮件被退回
domain-mail-shown = 您已于 { $day } 表明您在此域名下有邮箱。

domain-look-heading = 添加之后
domain-look-text = 本网站会在 30 天内多次自动查找该记录和文件。您也可以要求立即查找。
domain-look = 立即查找
domain-look-soon = 我们会在一分钟内查找。请重新加载此页面，查看我们找到了什么。
domain-too-soon = 距您上次要求查找还不到一分钟。请等待一分钟，然后再次要求
domain-too-many = 您今天已要求查找 20 次。本网站会继续自动查找
domain-last = 上次查找：{ $time }
domain-next = 下次查找：{ $time }

domain-found-no-record = 我们在此名称下没有找到 TXT 记录。
domain-found-other-records = 我们找到了以下 TXT 记录，但都不是正确的记录：
domain-found-unverified = 我们无法验证得到的应答，或者无法连接到您的域名服务器。请询问管理您的 DNS 的人员。
domain-found-signature = 您的域名服务器有应答，但无法验证该应答。DNSSEC 签名很可能有误。请询问管理您的 DNS 的人员。
domain-found-no-answer = 我们没有得到应答。我们会再次查找。
domain-found-not-a-name = 此名称超出了 DNS 允许的长度。请使用文件。
domain-found-status = { $host } 上没有该文件。其应答的状态码为 { $status }。
domain-found-content = { $host } 应答的内容与此文字不同。
domain-found-no-website = 我们在此名称下没有找到网站。
domain-found-refused = 网站服务器没有接受我们的连接。
domain-found-timeout = 网站服务器应答时间过长。
domain-found-certificate = 网站的证书对此名称无效。
domain-found-redirect = 该地址跳转到了别处。我们只跟随带 www 的名称与不带 www 的名称之间的跳转。
domain-found-not-public = 此名称指向的地址不是公网地址。
domain-found-unreadable = 我们无法读取网站服务器的应答。

update-domain-subject = 您的域名控制权已得到证明：{ $reference }
update-domain = 我们找到了证明，表明贵组织控制其 NPOC 入会申请中填写的域名。您现在可以删除该记录或文件。
update-code-subject = 您的 NPOC 入会申请验证码：{ $reference }
update-code = 有一位知道某份 NPOC 入会申请页面保密地址的人索取了此验证码。该申请中填有您的电子邮箱地址。
update-code-use = 请在 24 小时内在申请页面上填写验证码。如果您没有向 NPOC 提出申请，请忽略本邮件，不要将验证码告诉任何人。
