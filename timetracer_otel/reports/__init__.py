"""Results as files: JUnit XML for what runs tests, and one page for who reads them."""
