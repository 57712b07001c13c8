package judge

// Sentence is what a person is told of the verdict: a text of the catalogue and its arguments. It is empty where there is nothing to say, since the
// mail is from whom it says or nobody can know that of the domain.
func (v Verdict) Sentence() (text string, args []any) {
	switch {
	case v.From == "":
		return "⚠ This mail does not say clearly who wrote it.", nil
	case v.Proven():
		return "", nil
	case v.Forged():
		return "⚠ Probably forged: %s says that its own mail can be told apart, and this is not.", []any{v.From}
	case v.DMARC == Fail, v.DMARC == None && v.SPF == Fail, v.DMARC == PermError:
		return "⚠ Not verified: nothing shows that this is from %s.", []any{v.From}
	case v.DMARC == TempError:
		return "⚠ It could not be verified just now that this is from %s.", []any{v.From}
	}
	return "", nil
}
