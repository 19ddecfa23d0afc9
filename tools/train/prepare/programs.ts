/** Small programs that people ask for first, written for this model, in Python and JavaScript. */
import { answer, type Sample } from "./form.ts";

interface Task {
  /** What follows "Write a function that …". */
  readonly does: string;
  readonly python: string;
  readonly javascript: string;
}

const TASKS: readonly Task[] = [
  {
    does: "adds two numbers",
    python: "def add(a, b):\n    return a + b",
    javascript: "function add(a, b) {\n  return a + b;\n}",
  },
  {
    does: "multiplies two numbers",
    python: "def multiply(a, b):\n    return a * b",
    javascript: "function multiply(a, b) {\n  return a * b;\n}",
  },
  {
    does: "returns the sum of a list of numbers",
    python:
      "def sum_list(numbers):\n    total = 0\n    for number in numbers:\n        total += number\n    return total",
    javascript:
      "function sumList(numbers) {\n  let total = 0;\n  for (const number of numbers) {\n    total += number;\n  }\n  return total;\n}",
  },
  {
    does: "returns the largest number in a list",
    python:
      "def largest(numbers):\n    best = numbers[0]\n    for number in numbers:\n        if number > best:\n            best = number\n    return best",
    javascript:
      "function largest(numbers) {\n  let best = numbers[0];\n  for (const number of numbers) {\n    if (number > best) {\n      best = number;\n    }\n  }\n  return best;\n}",
  },
  {
    does: "returns the smallest number in a list",
    python:
      "def smallest(numbers):\n    best = numbers[0]\n    for number in numbers:\n        if number < best:\n            best = number\n    return best",
    javascript:
      "function smallest(numbers) {\n  let best = numbers[0];\n  for (const number of numbers) {\n    if (number < best) {\n      best = number;\n    }\n  }\n  return best;\n}",
  },
  {
    does: "returns the average of a list of numbers",
    python: "def average(numbers):\n    return sum(numbers) / len(numbers)",
    javascript:
      "function average(numbers) {\n  let total = 0;\n  for (const number of numbers) {\n    total += number;\n  }\n  return total / numbers.length;\n}",
  },
  {
    does: "reverses a string",
    python: "def reverse(text):\n    return text[::-1]",
    javascript: 'function reverse(text) {\n  return text.split("").reverse().join("");\n}',
  },
  {
    does: "checks if a number is even",
    python: "def is_even(number):\n    return number % 2 == 0",
    javascript: "function isEven(number) {\n  return number % 2 === 0;\n}",
  },
  {
    does: "checks if a word is a palindrome",
    python: "def is_palindrome(word):\n    return word == word[::-1]",
    javascript: 'function isPalindrome(word) {\n  return word === word.split("").reverse().join("");\n}',
  },
  {
    does: "returns the factorial of a number",
    python:
      "def factorial(n):\n    result = 1\n    for i in range(2, n + 1):\n        result *= i\n    return result",
    javascript:
      "function factorial(n) {\n  let result = 1;\n  for (let i = 2; i <= n; i++) {\n    result *= i;\n  }\n  return result;\n}",
  },
  {
    does: "checks if a number is prime",
    python:
      "def is_prime(n):\n    if n < 2:\n        return False\n    for i in range(2, n):\n        if n % i == 0:\n            return False\n    return True",
    javascript:
      "function isPrime(n) {\n  if (n < 2) {\n    return false;\n  }\n  for (let i = 2; i < n; i++) {\n    if (n % i === 0) {\n      return false;\n    }\n  }\n  return true;\n}",
  },
  {
    does: "returns the nth Fibonacci number",
    python:
      "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a",
    javascript:
      "function fibonacci(n) {\n  let a = 0;\n  let b = 1;\n  for (let i = 0; i < n; i++) {\n    [a, b] = [b, a + b];\n  }\n  return a;\n}",
  },
  {
    does: "counts the vowels in a string",
    python:
      'def count_vowels(text):\n    count = 0\n    for letter in text.lower():\n        if letter in "aeiou":\n            count += 1\n    return count',
    javascript:
      'function countVowels(text) {\n  let count = 0;\n  for (const letter of text.toLowerCase()) {\n    if ("aeiou".includes(letter)) {\n      count++;\n    }\n  }\n  return count;\n}',
  },
  {
    does: "counts the words in a sentence",
    python: "def count_words(sentence):\n    return len(sentence.split())",
    javascript: "function countWords(sentence) {\n  return sentence.trim().split(/\\s+/).length;\n}",
  },
  {
    does: "prints the numbers from 1 to n",
    python: "def count_to(n):\n    for i in range(1, n + 1):\n        print(i)",
    javascript: "function countTo(n) {\n  for (let i = 1; i <= n; i++) {\n    console.log(i);\n  }\n}",
  },
  {
    does: "removes duplicates from a list",
    python:
      "def unique(items):\n    result = []\n    for item in items:\n        if item not in result:\n            result.append(item)\n    return result",
    javascript: "function unique(items) {\n  return [...new Set(items)];\n}",
  },
  {
    does: "returns the square of a number",
    python: "def square(number):\n    return number * number",
    javascript: "function square(number) {\n  return number * number;\n}",
  },
  {
    does: "converts Celsius to Fahrenheit",
    python: "def to_fahrenheit(celsius):\n    return celsius * 9 / 5 + 32",
    javascript: "function toFahrenheit(celsius) {\n  return (celsius * 9) / 5 + 32;\n}",
  },
  {
    does: "sorts a list of numbers",
    python: "def sort_numbers(numbers):\n    return sorted(numbers)",
    javascript: "function sortNumbers(numbers) {\n  return [...numbers].sort((a, b) => a - b);\n}",
  },
  {
    does: "says hello to a person by name",
    python: 'def hello(name):\n    print("Hello, " + name + "!")',
    javascript: 'function hello(name) {\n  console.log("Hello, " + name + "!");\n}',
  },
];

const LANGUAGES = [
  ["Python", "python"],
  ["JavaScript", "javascript"],
] as const;

/** Every task in both languages, asked for in several ways; without a language it is Python. */
export function programs(): Sample[] {
  return TASKS.flatMap((task) =>
    LANGUAGES.flatMap(([language, key]) => {
      const named = [
        `Write a ${language} function that ${task.does}.`,
        `Create a ${language} function that ${task.does}.`,
        `Show me a ${language} function that ${task.does}.`,
        `In ${language}, write a function that ${task.does}.`,
      ];
      const unnamed =
        key === "python" ? [`Write a function that ${task.does}.`, `Write a program that ${task.does}.`] : [];
      return [...named, ...unnamed].map((question) => answer(question, task[key]));
    }),
  );
}
