package vpn

// serve tells the link what it is for now.
func (o *OpenVPN) serve(d duty) {}
