package content

import (
	"strings"
	"unicode"
)

// What mail programs write around the text of their users, in the languages that they speak. All is in lower case.

// Fields of a mail that is answered or passed on, as programs write them into the text.
const (
	fieldNone = iota
	fieldFrom
	fieldDate
	fieldTo
	fieldCc
	fieldSubject
)

var fieldNames = map[string]int{
	"from": fieldFrom, "von": fieldFrom, "de": fieldFrom, "da": fieldFrom, "van": fieldFrom, "från": fieldFrom, "fra": fieldFrom, "od": fieldFrom, "от": fieldFrom,
	"от кого": fieldFrom, "expéditeur": fieldFrom, "lähettäjä": fieldFrom, "kimden": fieldFrom, "feladó": fieldFrom, "发件人": fieldFrom, "寄件者": fieldFrom, "差出人": fieldFrom, "보낸 사람": fieldFrom, "από": fieldFrom, "de la": fieldFrom, "від": fieldFrom,
	"sent": fieldDate, "date": fieldDate, "gesendet": fieldDate, "datum": fieldDate, "envoyé": fieldDate, "enviado": fieldDate, "enviado el": fieldDate, "enviada em": fieldDate, "enviado em": fieldDate, "fecha": fieldDate, "inviato": fieldDate, "data": fieldDate,
	"verzonden": fieldDate, "skickat": fieldDate, "sendt": fieldDate, "dato": fieldDate, "wysłano": fieldDate, "wysłane": fieldDate, "отправлено": fieldDate, "дата": fieldDate, "发送时间": fieldDate, "日期": fieldDate, "寄件日期": fieldDate,
	"送信日時": fieldDate, "日付": fieldDate, "보낸 날짜": fieldDate, "날짜": fieldDate, "odesláno": fieldDate, "lähetetty": fieldDate, "gönderildi": fieldDate, "elküldve": fieldDate, "en date de": fieldDate,
	"to": fieldTo, "an": fieldTo, "à": fieldTo, "para": fieldTo, "a": fieldTo, "aan": fieldTo, "till": fieldTo, "til": fieldTo, "do": fieldTo, "komu": fieldTo, "кому": fieldTo, "收件人": fieldTo, "宛先": fieldTo, "받는 사람": fieldTo, "vastaanottaja": fieldTo, "kime": fieldTo, "címzett": fieldTo, "destinataire": fieldTo,
	"cc": fieldCc, "kopie": fieldCc, "copie à": fieldCc, "копия": fieldCc, "抄送": fieldCc, "kopia": fieldCc, "kopi": fieldCc, "dw": fieldCc, "reply-to": fieldCc, "antwort an": fieldCc, "répondre à": fieldCc,
	"subject": fieldSubject, "betreff": fieldSubject, "objet": fieldSubject, "sujet": fieldSubject, "asunto": fieldSubject, "oggetto": fieldSubject, "assunto": fieldSubject, "onderwerp": fieldSubject, "ämne": fieldSubject, "emne": fieldSubject,
	"temat": fieldSubject, "тема": fieldSubject, "主题": fieldSubject, "主旨": fieldSubject, "件名": fieldSubject, "제목": fieldSubject, "předmět": fieldSubject, "aihe": fieldSubject, "konu": fieldSubject, "tárgy": fieldSubject,
}

// fieldOf is the field that a line begins with.
func fieldOf(s string) int {
	s = strings.Trim(cut(s, 60), "*_ ")
	i := strings.IndexByte(s, ':')
	if wide := strings.Index(s, "："); wide >= 0 && (i < 0 || wide < i) {
		i = wide
	}
	if i <= 0 {
		return fieldNone
	}
	name := strings.ToLower(strings.Trim(s[:i], "*_ \u00a0\u202f"))
	if f, ok := fieldNames[name]; ok {
		return f
	}
	return fieldNone
}

var originals = []string{
	"original message", "original", "original email", "ursprüngliche nachricht", "originalnachricht", "original-nachricht", "message d'origine", "message d’origine", "message original", "courriel original",
	"mensaje original", "messaggio originale", "mensagem original", "oorspronkelijk bericht", "origineel bericht", "ursprungligt meddelande", "originalmeddelande",
	"oprindelig meddelelse", "opprinnelig melding", "alkuperäinen viesti", "původní zpráva", "wiadomość oryginalna", "oryginalna wiadomość", "treść oryginalnej wiadomości",
	"исходное сообщение", "оригінальне повідомлення", "eredeti üzenet", "orijinal mesaj", "原始邮件", "原始郵件", "元のメッセージ", "원본 메시지", "reply message", "mesaj original",
}

// originalLine reports whether a line says that the mail which is answered follows.
func originalLine(s string) bool {
	inner := strings.Trim(s, "-– ")
	if len(s)-len(inner) < 6 || len(s) > 150 {
		return false
	}
	return oneOf(strings.ToLower(inner), originals)
}

var forwards = []string{
	"forwarded message", "begin forwarded message", "forwarded by", "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail", "beginn der weitergeleiteten nachricht",
	"message transféré", "début du message transféré", "début du message réexpédié", "courriel transféré", "mensaje reenviado", "inicio del mensaje reenviado", "messaggio inoltrato", "inizio messaggio inoltrato",
	"mensagem encaminhada", "início da mensagem reencaminhada", "doorgestuurd bericht", "begin doorgestuurd bericht", "vidarebefordrat meddelande", "vidarebefordrat brev", "videresendt meddelelse", "videresendt melding", "videresendt besked",
	"välitetty viesti", "přeposlaná zpráva", "wiadomość przekazana dalej", "przekazana wiadomość", "пересылаемое сообщение", "пересланное сообщение", "переслане повідомлення", "начало переадресованного сообщения",
	"továbbított üzenet", "iletilen mesaj", "yönlendirilen ileti", "转发的邮件", "转发邮件信息", "轉寄郵件", "転送メッセージ", "전달된 메시지", "forwarded mail", "mesaj redirecționat",
}

// forwardLine reports whether a line says that a mail follows which is passed on.
func forwardLine(s string) bool {
	inner := strings.Trim(s, "-–*_:： \u00a0")
	if len(s) > 150 || len(inner) > 80 || len(inner) == len(s) && len(s) > 60 {
		return false
	}
	inner = strings.ToLower(inner)
	if i := strings.Index(inner, "forwarded by "); i == 0 && strings.HasPrefix(s, "--") {
		return true
	}
	return oneOf(inner, forwards)
}

// forwardPrefixes stand before the subject of a mail that is passed on.
var forwardPrefixes = []string{"fwd:", "fw:", "wg:", "tr:", "rv:", "enc:", "i:", "inoltra:", "doorst:", "vs:", "vb:", "pd:", "fwd：", "转发:", "转发：", "轉寄:"}

func forwardSubject(s string) bool {
	s = strings.ToLower(s)
	for _, p := range forwardPrefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// replyPrefixes stand before the subject of an answer.
var replyPrefixes = []string{
	"re:", "aw:", "antw:", "sv:", "vs:", "odp:", "ynt:", "re：", "回复:", "回复：", "答复:", "回覆:", "rép:", "re[", "ref:", "r:", "rif:", "res:", "отв:", "вiдп:",
}

// verbs are those by which programs say that somebody wrote what follows.
var verbs = []string{
	"wrote", "writes", "schrieb", "geschrieben", "a écrit", "écrivait", "a écris", "escribió", "escribio", "ha scritto", "scrisse", "escreveu", "schreef", "skrev", "napsal", "napísal", "napisał", "napisał(a)", "pisze",
	"написал", "написала", "пишет", "писал", "написав", "kirjoitti", "írta", "yazdı", "şunu yazdı", "έγραψε", "a scris", "写道", "寫道", "さんは書きました", "のメッセージ", "작성", "đã viết", "said",
}

// starters begin the line that says who wrote what follows.
var starters = []string{
	"on ", "am ", "le ", "el ", "il ", "em ", "op ", "den ", "dne ", "dnia ", "w dniu ", "in ", "at ", "vào ", "στις ", "в ", "em: ", "a ", "vom ", "zitat von ", "quoting ", "citando ", "quoting:", "på ", "pe ", "2", "lainaus ",
}

// endsIntroduction reports whether a line may be the end of one that introduces a quote.
func endsIntroduction(s string) bool {
	s = strings.TrimRight(s, "- ") // Zoho
	return strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：") || strings.HasSuffix(s, "wrote") || strings.HasSuffix(s, "写道")
}

// introduces reports whether s introduces a quote: whose it is, and when he wrote it. Where a quote follows, less is proof enough.
func introduces(s string, follows bool) bool {
	if len(s) > 500 {
		return false
	}
	s = strings.ToLower(strings.ReplaceAll(s, "\u202f", " "))
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	verb := false
	for _, v := range verbs {
		verb = verb || strings.Contains(s, v)
	}
	starter := false
	for _, p := range starters {
		starter = starter || strings.HasPrefix(s, p)
	}
	at := strings.Contains(s, "@")
	if follows {
		return verb || digits >= 3 && at || starter && digits >= 5 && strings.Count(s, ":") > 1
	}
	return verb && digits >= 3 && (at || starter)
}

// introducesInLine reports whether a line introduces a quote and goes on with it.
func introducesInLine(s string) bool {
	i := strings.Index(s, "> wrote:   ")
	return i > 0 && startsIntroduction(s) && introduces(s[:i+8], false)
}

// startsIntroduction reports whether a line is likely the first of one that introduces a quote.
func startsIntroduction(s string) bool {
	s = strings.ToLower(s)
	for _, p := range starters {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

var phones = []string{
	"sent from ", "sent via ", "sent using ", "sent with ", "get outlook for ", "outlook for ", "outlook für ", "outlook pour ", "sent by ", "get bluemail for ", "holen sie sich outlook", "laden sie outlook", "obtenir outlook", "télécharger outlook", "obtener outlook", "ottieni outlook", "scarica outlook", "obter o outlook", "download outlook", "hanki outlook", "hämta outlook",
	"envoyé de mon", "envoyé depuis", "envoyé à partir", "envoyé avec", "provenance :", "enviado desde", "enviado do", "enviado a partir", "inviato da", "inviato dal", "verzonden vanaf", "verstuurd vanaf", "verzonden met", "skickat från", "sendt fra", "lähetetty ", "wysłane z", "wysłano z",
	"отправлено с ", "отправлено из", "надіслано з", "odesláno z", "iphoneから送信", "ipadから送信", "发自我的", "從我的", "从我的", "나의 iphone에서 보냄", "elküldve az", "iphone'umdan gönderildi", "gesendet von ", "gesendet mit ", "gesendet aus ", "von unterwegs gesendet", "yahoo mail:", "sent: from my",
}

// phoneLine reports whether a line is the advertisement that a program puts below what its users write.
func phoneLine(s string) bool {
	if len(s) > 250 {
		return false
	}
	s = strings.ToLower(strings.Trim(s, "-*_ .\u00a0"))
	text, _, _ := strings.Cut(s, "<http")
	if len(text) > 100 {
		return false
	}
	for _, p := range phones {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return (strings.HasPrefix(s, "von mein") || strings.HasPrefix(s, "diese nachricht wurde von mein") || strings.HasPrefix(s, "vom ")) && strings.Contains(s, "gesendet") || strings.HasPrefix(s, "diese nachricht wurde von mein")
}

// listFooter reports whether a line is the rule above what a mailing list puts below each mail.
func listFooter(s string) bool {
	s = strings.TrimRight(s, " \t")
	return len(s) >= 30 && strings.Trim(s, "_") == ""
}

func oneOf(s string, list []string) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}
