"""The learners of the client's documents as they were described there, to be compared with what the product does."""
