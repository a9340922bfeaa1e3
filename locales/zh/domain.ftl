# Simplified Chinese: translated from English.

domain-link-heading = 您的域名
domain-link-text = 请证明贵组织控制其域名。这不是必需的，但可以方便审核。
domain-link = 证明域名控制权

domain-title = 您的域名 – NPOC
domain-heading = 证明域名控制权
domain-lead = 您的申请中填写的域名是 { $domain }。证明贵组织控制该域名，可以方便审核。这不是必需的：NPOC 会审核每一份申请。请使用 DNS 记录或文件：任选一种即可。
domain-proved-heading = 您的域名控制权已得到证明
domain-proved-dns = 我们于 { $day } 找到了您的 DNS 记录。您现在可以删除该记录。
domain-proved-web = 我们于 { $day } 在您的网站上找到了该文件。您现在可以删除该文件。
domain-back = 返回您的申请页面
domain-not-now-heading = 目前无需证明
domain-not-now-text = NPOC 目前没有在审核您的申请。

domain-share = 如果您的域名由他人管理，请只将下面这几行内容发送给对方。请勿发送此页面的地址：知道该地址的人都可以代您操作。
domain-until = 这几行内容的有效期至 { $day }。

domain-dns-heading = 使用 DNS 记录
domain-dns-text = 请登录管理您的域名的网站，通常是向您出售域名的公司的网站。请添加以下 DNS 记录。
domain-record-type = 类型
domain-record-host = 名称或主机记录
domain-record-hint = 许多表单会自动加上域名。在这样的表单中，请只填写 { $label }。
domain-record-value = 记录值或文本

domain-web-heading = 使用您网站上的文件
domain-web-text = 请在以下地址放置一个文本文件，其中只包含下面的文字，不要有其他内容。该地址必须能通过 https 访问。
domain-file-address = 地址
domain-file-content = 文件内容

domain-mail-heading = 如果两种方式都无法使用：表明您有邮箱
domain-mail-text = 我们会将验证码发送到组织代表的电子邮箱地址，该地址属于此域名。验证码可以向 NPOC 表明您在此域名下有邮箱。这种方式的说服力不如证明。
domain-mail-send = 发送验证码
domain-mail-sent = 我们已将验证码发送给组织代表。邮件可能需要几分钟才能送达。
domain-mail-again = 发送新的验证码
domain-mail-label = 验证码
domain-mail-hint = 我们邮件中的 8 个字母。验证码 24 小时内有效
domain-mail-check = 核对验证码
domain-mail-wrong = 验证码有误。请与我们最近的一封邮件核对
domain-mail-over = 此验证码已失效。请发送新的验证码
domain-mail-limited = 今天我们无法再发送有关您的申请的邮件
domain-mail-unreachable = 我们发给组织代表的邮件被退回
domain-mail-shown = 您已于 { $day } 表明您在此域名下有邮箱。

domain-look-heading = 添加记录或文件之后
domain-look-text = 我们会在 30 天内多次自动检查。您也可以要求我们立即检查。
domain-look = 立即检查
domain-look-soon = 我们会在一分钟内检查。之后请再次打开此页面。
domain-look-open = 再次打开此页面
domain-too-soon = 距您上次要求检查还不到一分钟。请等待一分钟，然后再次要求
domain-too-many = 您今天已要求检查 20 次。我们会继续自动检查
domain-last = 上次检查：{ $time }
domain-next = 下次检查：{ $time }

domain-found-no-record = 我们在此名称下没有找到 TXT 记录。
domain-found-other-records = 我们找到了以下 TXT 记录，但都不是正确的记录：
domain-found-unverified = 我们无法验证得到的应答，或者无法连接到您的域名服务器。请询问管理您的 DNS 的人员。
domain-found-signature = 您的域名服务器有应答，但无法验证该应答。DNSSEC 签名很可能有误。请询问管理您的 DNS 的人员。
domain-found-no-answer = 我们没有得到应答。
domain-found-not-a-name = 此名称超出了 DNS 允许的长度。请使用文件。
domain-found-status = { $host } 上没有该文件。其应答的状态码为 { $status }。
domain-found-content = { $host } 上的文件内容与此文字不完全一致。
domain-found-no-website = 我们在此名称下没有找到网站。
domain-found-refused = 网站服务器没有接受我们的连接。
domain-found-timeout = 网站服务器应答时间过长。
domain-found-certificate = 网站的安全证书无效。证书可能已过期，或属于其他名称。
domain-found-redirect = 该地址跳转到了其他网站，或不使用 https 的网站。我们只跟随带 www 的名称与不带 www 的名称之间的跳转。
domain-found-not-public = 此名称指向的地址不是公网地址。
domain-found-unreadable = 我们无法读取网站服务器的应答。

update-domain-subject = 您的域名控制权已得到证明：{ $reference }
update-domain = 我们找到了证明，表明贵组织控制其 NPOC 入会申请中填写的域名。您现在可以删除该记录或文件。
update-code-subject = 您的 NPOC 入会申请验证码：{ $reference }
update-code = 有一位知道某份 NPOC 入会申请页面保密地址的人索取了此验证码。该申请中填有您的电子邮箱地址。
update-code-use = 请在 24 小时内在申请页面上填写验证码。如果您没有向 NPOC 提出申请，请忽略本邮件，不要将验证码告诉任何人。
