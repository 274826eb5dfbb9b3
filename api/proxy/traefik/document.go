package traefik

// document is what Traefik's dynamic configuration is of it that is used here.
type document struct {
	HTTP configuration `json:"http"`
}

type configuration struct {
	Routers  map[string]router  `json:"routers,omitempty"`
	Services map[string]service `json:"services,omitempty"`
}

type router struct {
	Rule     string `json:"rule"`
	Priority int    `json:"priority"` // the highest is asked first
	Service  string `json:"service"`
}

type service struct {
	LoadBalancer balancer `json:"loadBalancer"`
}

type balancer struct {
	Servers     []server `json:"servers"`
	HealthCheck *check   `json:"healthCheck,omitempty"`
}

type server struct {
	URL    string `json:"url"`
	Weight int    `json:"weight"`
}

type check struct {
	Path     string `json:"path"`
	Interval string `json:"interval"`
	Timeout  string `json:"timeout"`
}
