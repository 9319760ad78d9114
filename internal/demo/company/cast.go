package company

// A role in the story, held by somebody whose name the definitions know.
type cast struct {
	login, given, family string
	department, unit     string
	title                string
	grade                int
	manager              string // login; empty: nobody
}

// The departments, and the business units.
const (
	executive   = "Executive"
	engineering = "Engineering"
	operations  = "Operations"
	sales       = "Sales"
	finance     = "Finance"
	people      = "People"
	it          = "IT"

	corporate   = "Corporate"
	instruments = "Instruments"
	services    = "Services"
)

// Who leaves in the evening of the bad day, although finance-ledger is theirs.
const leavingOwner = "ruth.meyer"

// theCast is everybody whom a definition names or who leads a department. The
// first of a department leads it.
var theCast = []cast{
	{"sabine.okafor", "Sabine", "Okafor", executive, corporate, "Chief Executive", 9, ""},
	{"daniel.reyes", "Daniel", "Reyes", executive, corporate, "Chief Operating Officer", 8, "sabine.okafor"},
	{"noor.haddad", "Noor", "Haddad", executive, corporate, "Chief Information Security Officer", 8, "sabine.okafor"},

	{"viktor.nemeth", "Viktor", "Németh", it, corporate, "Head of IT", 7, "daniel.reyes"},
	{"priya.raman", "Priya", "Raman", it, corporate, "Identity Lead", 6, "viktor.nemeth"},
	{"lee.sandoval", "Lee", "Sandoval", it, corporate, "Identity Engineer", 5, "priya.raman"},
	{"mara.lindqvist", "Mara", "Lindqvist", it, corporate, "IT Operations Lead", 6, "viktor.nemeth"},
	{"ana.kovac", "Ana", "Kovač", it, corporate, "Security Operations Lead", 6, "noor.haddad"},
	{"ingrid.solheim", "Ingrid", "Solheim", it, corporate, "Service Desk Lead", 6, "viktor.nemeth"},
	{"omar.farouk", "Omar", "Farouk", it, corporate, "Duty Manager", 5, "ingrid.solheim"},
	{"chidi.eze", "Chidi", "Eze", it, corporate, "Directory Engineer", 5, "mara.lindqvist"},

	{"helen.castell", "Helen", "Castell", people, corporate, "Head of People", 7, "sabine.okafor"},
	{"tomas.brandt", "Tomáš", "Brandt", people, corporate, "HR Systems Analyst", 4, "helen.castell"},

	{"george.amadi", "George", "Amadi", finance, corporate, "Chief Financial Officer", 8, "sabine.okafor"},
	{"ruth.meyer", "Ruth", "Meyer", finance, corporate, "Financial Controller", 6, "george.amadi"},
	{"sofia.marin", "Sofía", "Marín", finance, corporate, "Finance Systems Manager", 5, "ruth.meyer"},

	{"yuki.tanaka", "Yuki", "Tanaka", engineering, instruments, "Head of Engineering", 7, "daniel.reyes"},
	{"paul.dubois", "Paul", "Dubois", operations, services, "Head of Operations", 7, "daniel.reyes"},
	{"grace.odhiambo", "Grace", "Odhiambo", sales, services, "Head of Sales", 7, "daniel.reyes"},
}

// A department hires people of its titles, from junior to senior.
type department struct {
	name   string
	units  []string
	titles []string // by grade, from 1
	size   int      // beside the cast
}

var departments = []department{
	{engineering, []string{instruments, instruments, services}, []string{"Technician", "Engineer", "Senior Engineer", "Principal Engineer"}, 58},
	{operations, []string{services, instruments}, []string{"Operator", "Field Engineer", "Senior Field Engineer", "Shift Lead"}, 40},
	{sales, []string{services, instruments}, []string{"Sales Assistant", "Account Manager", "Senior Account Manager", "Key Account Manager"}, 36},
	{finance, []string{corporate}, []string{"Accounts Clerk", "Accountant", "Senior Accountant", "Group Accountant"}, 17},
	{people, []string{corporate}, []string{"HR Assistant", "HR Partner", "Senior HR Partner", "Reward Lead"}, 10},
	{it, []string{corporate}, []string{"Support Analyst", "Systems Engineer", "Senior Systems Engineer", "Platform Engineer"}, 20},
}

// The two lists are of lengths without a common divisor, so that walking both
// at once meets every pair once before it repeats itself.
var (
	givenNames = []string{
		"Adam", "Aisha", "Alice", "Amir", "Beatriz", "Bilal", "Carla", "Chen", "Clara", "David", "Elena", "Emeka",
		"Emma", "Farah", "Felix", "Gita", "Hannah", "Hugo", "Ines", "Ivan", "Jana", "Joao", "Karin", "Kofi", "Lars",
		"Leila", "Lucia", "Malik", "Marta", "Mei", "Milan", "Nadia", "Nils", "Olga", "Oscar", "Petra", "Rafael",
		"Rosa", "Samir", "Sara", "Stefan", "Tariq", "Tessa", "Uma", "Vera", "Wei", "Zoe",
	} // 47
	familyNames = []string{
		"Abbott", "Adeyemi", "Almeida", "Andersen", "Bauer", "Bianchi", "Blake", "Castro", "Chandra", "Costa", "Dahl",
		"Dias", "Evans", "Fischer", "Fonseca", "Garcia", "Gruber", "Hansen", "Hassan", "Horvat", "Ibrahim", "Ito",
		"Jansen", "Johansson", "Kaya", "Keller", "Khan", "Kim", "Kowalski", "Larsen", "Lopez", "Lund", "Maier",
		"Mensah", "Moreau", "Murphy", "Nguyen", "Novak", "Okoro", "Olsen", "Patel", "Pereira", "Petrov", "Popescu",
		"Rossi", "Sato", "Schmidt", "Silva", "Singh", "Torres", "Vogel", "Weber", "Yilmaz",
	} // 53
)
